"""Is a payment executed once, and does every repetition get the first answer?"""
# ruff: noqa: PT009  Django's runner runs this, and these assertions show both sides there

from tests.api import ApiCase


class Payments(ApiCase):
    def pay(self, amount=1250, key="k1"):
        return self.post("/api/payments", {"amount": amount, "idempotency_key": key})

    def test_a_repetition_gets_the_first_answer_and_executes_nothing(self):
        first, second = self.pay(), self.pay()
        self.assertEqual([first.status_code, second.status_code], [201, 200])
        self.assertEqual(first.json(), second.json())
        self.assertEqual([first["Idempotent-Replayed"], second["Idempotent-Replayed"]], ["false", "true"])
        self.assertEqual([entry["key"] for entry in self.get("/api/ledger")["entries"]], ["k1"])

    def test_a_key_stands_for_one_payment(self):
        self.pay()
        self.assertEqual(self.pay(amount=99).status_code, 409)

    def test_what_is_no_payment_is_refused(self):
        for values in (
            "not json",
            [],
            {},
            {"amount": 0, "idempotency_key": "k"},
            {"amount": True, "idempotency_key": "k"},
        ):
            self.assertEqual(self.post("/api/payments", values).status_code, 400, values)
        self.assertEqual(self.pay(key="").status_code, 400)
        self.assertEqual(self.get("/api/ledger")["count"], 0)

    def test_analytics_are_computed_from_the_payments(self):
        self.pay(amount=100, key="a")
        self.pay(amount=250, key="b")
        found = self.get("/api/analytics")
        self.assertEqual(found["payments"], {"count": 2, "amount": 350, "executed": 2})

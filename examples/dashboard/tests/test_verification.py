"""Does only the code that was sent prove a number?"""
# ruff: noqa: PT009  Django's runner runs this, and these assertions show both sides there

from unittest import mock

from django.test import override_settings

from tests.api import ApiCase


class Verifying(ApiCase):
    def setUp(self):
        # The gateway itself is another program; here we only look at what it would be given.
        patched = mock.patch("verification.gateway.post")
        self.gateway = patched.start()
        self.addCleanup(patched.stop)

    def ask(self):
        number = self.post("/api/verifications", {"phone": "+2348012345678"}).json()["id"]
        return f"/api/verifications/{number}/check", self.gateway.call_args.args[0]["text"][-6:]

    def test_the_right_code_verifies(self):
        path, code = self.ask()
        self.assertEqual(self.post(path, {"code": code}).json()["status"], "verified")

    def test_five_wrong_codes_block(self):
        path, code = self.ask()
        wrong = "000000" if code != "000000" else "000001"
        for _ in range(5):
            self.assertEqual(self.post(path, {"code": wrong}).status_code, 403)
        self.assertEqual(self.post(path, {"code": code}).json()["status"], "blocked")

    def test_what_is_no_number_gets_no_message(self):
        self.assertEqual(self.post("/api/verifications", {"phone": "12"}).status_code, 400)
        self.gateway.assert_not_called()


@override_settings(SMS_GATEWAY_URL="")
class WithoutGateway(ApiCase):
    def test_says_what_to_set(self):
        answer = self.post("/api/verifications", {"phone": "+2348012345678"})
        self.assertEqual(answer.status_code, 502)
        self.assertIn("SMS_GATEWAY_URL", answer.json()["error"])

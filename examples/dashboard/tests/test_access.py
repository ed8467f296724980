"""Who gets in: sessions with the form's token, scripts with theirs, nobody else?"""
# ruff: noqa: PT009  Django's runner runs this, and these assertions show both sides there

import os
from unittest import mock

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, TestCase, override_settings

PAYMENT = {"amount": 5, "idempotency_key": "k"}
# The pages name hashed files, which a test does not collect.
PLAIN = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}


@override_settings(STORAGES=PLAIN)
class Access(TestCase):
    def setUp(self):
        with mock.patch.dict(os.environ, {"SEED_PASSWORD": "pw"}):
            call_command("seed", stdout=mock.Mock())
        self.client = Client(enforce_csrf_checks=True)

    def log_in(self):
        form = {"username": "demo", "password": "pw", "csrfmiddlewaretoken": self.token("/login")}
        self.assertRedirects(self.client.post("/login", form), "/")

    def token(self, page):
        self.client.get(page)
        return self.client.cookies["csrftoken"].value

    def test_a_session_pays_only_with_the_token_of_its_page(self):
        self.log_in()
        pay = {"path": "/api/payments", "data": PAYMENT, "content_type": "application/json"}
        self.assertEqual(self.client.post(**pay).status_code, 403)
        self.assertEqual(self.client.post(**pay, headers={"X-CSRFToken": self.token("/")}).status_code, 201)

    def test_a_script_pays_with_the_token_that_its_password_gave(self):
        words = {"username": "demo", "password": "pw"}
        token = self.client.post("/api/token", words, "application/json").json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        self.assertEqual(
            self.client.post("/api/payments", PAYMENT, "application/json", headers=headers).status_code, 201
        )

    def test_strangers_are_refused(self):
        for headers in ({}, {"Authorization": "Bearer guessed"}, {"Authorization": "Bearer "}):
            self.assertEqual(self.client.get("/api/ledger", headers=headers).status_code, 401, headers)
        wrong = {"username": "demo", "password": "no"}
        self.assertEqual(self.client.post("/api/token", wrong, "application/json").status_code, 401)
        self.assertRedirects(self.client.get("/"), "/login?next=/")

    def test_seeding_again_changes_nothing(self):
        call_command("seed", stdout=mock.Mock())
        self.assertEqual(User.objects.count(), 1)

    def test_unknown_addresses_answer_in_their_own_kind(self):
        self.assertEqual(self.client.post("/api/nothing").json(), {"error": "there is no /api/nothing"})
        self.assertContains(self.client.get("/nothing"), "Not found", status_code=404)

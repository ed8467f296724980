"""How do the tests call the API? As a script with the service account's token."""

import json

from django.test import TestCase, override_settings

TOKEN = "token-of-the-tests"


@override_settings(API_TOKEN=TOKEN)
class ApiCase(TestCase):
    """A case with a client that may do everything."""

    def post(self, path, values):
        """Send JSON; return the response."""
        content = values if isinstance(values, str) else json.dumps(values)
        return self.client.post(path, content, "application/json", headers={"Authorization": f"Bearer {TOKEN}"})

    def get(self, path):
        """Return the JSON answer."""
        return self.client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).json()

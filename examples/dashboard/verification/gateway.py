"""How does a text message leave? By POST {to, text} to the gateway that SMS_GATEWAY_URL names."""

import json
import urllib.error
import urllib.request

from common.metrics import MESSAGES
from django.conf import settings

SECONDS = 5


class GatewayError(Exception):
    """The message was not accepted."""


def send(to: str, text: str) -> None:
    """Hand one message to the gateway; raises GatewayError when it was not taken."""
    try:
        post({"to": to, "text": text})
    except GatewayError:
        MESSAGES.labels("failed").inc()
        raise
    MESSAGES.labels("sent").inc()


def post(message: dict[str, str]) -> None:
    """Speak to the gateway."""
    if not settings.SMS_GATEWAY_URL:
        raise GatewayError("no SMS gateway is configured: set SMS_GATEWAY_URL")
    request = urllib.request.Request(  # noqa: S310  the address is the operator's, not a visitor's
        settings.SMS_GATEWAY_URL.rstrip("/") + "/messages",
        data=json.dumps(message).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
            return
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise GatewayError(f"the SMS gateway did not take the message: {error}") from error

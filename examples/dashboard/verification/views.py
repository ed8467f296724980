"""How does somebody prove to own a telephone number? A code is sent there and given back here."""

import re
import secrets

from common.api import RefusedError, api, body, field
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from verification.gateway import GatewayError, send
from verification.models import Verification

# E.164: a plus sign, then up to fifteen digits without a leading zero.
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


@api("POST")
def verifications(request: HttpRequest) -> HttpResponse:
    """Send a code to {"phone": "+2348012345678"}; nothing is kept when the gateway does not take it."""
    phone = field(body(request), "phone", str)
    if not PHONE.fullmatch(phone):
        raise RefusedError(400, "'phone' must be an international number such as +2348012345678")
    code = f"{secrets.randbelow(10**6):06}"
    try:
        send(phone, f"Your Namaskah code is {code}")
    except GatewayError as error:
        raise RefusedError(502, str(error)) from error
    return answer(Verification.objects.create(phone=phone, code=code), status=201)


@api("POST")
def check(request: HttpRequest, number: int) -> HttpResponse:
    """Compare {"code": "123456"} with what was sent."""
    code = field(body(request), "code", str)
    with transaction.atomic():
        found = Verification.objects.select_for_update().filter(pk=number).first()
        if found is None:
            raise RefusedError(404, f"there is no verification {number}")
        try_code(found, code)
        found.save(update_fields=["attempts", "verified_at"])
    return answer(found, status=200 if found.status == "verified" else 403)


def try_code(verification: Verification, code: str) -> None:
    """Count one attempt, and mark the number as verified when the code is right."""
    if verification.status != "sent":
        return
    verification.attempts += 1
    if secrets.compare_digest(verification.code.encode(), code.encode()):
        verification.verified_at = timezone.now()


def answer(verification: Verification, status: int) -> JsonResponse:
    """Return what may be said of a verification; never the code."""
    return JsonResponse(
        {"id": verification.pk, "phone": verification.phone, "status": verification.status}, status=status
    )

"""What does every page know? Who serves it."""

from dashboard.identity import identity
from django.http import HttpRequest


def identify(request: HttpRequest) -> dict[str, object]:
    """Return the identity for the footer."""
    return {"identity": identity()}

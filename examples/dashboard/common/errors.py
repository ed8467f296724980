"""What does a client see when an address is unknown, a form is forged, or the code fails?"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from common.api import failure


def wants_json(request: HttpRequest) -> bool:
    """Return whether the address belongs to the API."""
    return request.path.startswith("/api/")


@csrf_exempt
def api_not_found(request: HttpRequest, rest: str) -> HttpResponse:
    """Answer every unknown address of the API, whatever the method."""
    return failure(404, f"there is no /api/{rest}")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown page."""
    return render(request, "web/error.html", {"title": "Not found", "status": 404}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when a view raised; the log has the reason, the client does not."""
    if wants_json(request):
        return failure(500, "internal error")
    # Without the request: its user may be what could not be read.
    return render(None, "web/error.html", {"title": "Something went wrong", "status": 500}, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that does not carry the token of its session."""
    if wants_json(request):
        return failure(403, "CSRF token missing or wrong")
    return render(request, "web/error.html", {"title": "Form expired", "status": 403}, status=403)

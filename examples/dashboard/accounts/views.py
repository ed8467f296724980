"""How does a script get a token? With the user's name and password, once."""

from common.api import RefusedError, api, body, field
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts.models import ApiToken


@api("POST", open_to_all=True)
def token(request: HttpRequest) -> HttpResponse:
    """Answer {"token": ...} for {"username": ..., "password": ...}."""
    values = body(request)
    user = authenticate(request, username=field(values, "username", str), password=field(values, "password", str))
    if user is None:
        raise RefusedError(401, "unknown user or wrong password")
    return JsonResponse({"token": ApiToken.issue(user)}, status=201)

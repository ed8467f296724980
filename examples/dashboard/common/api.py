"""Who may call the API, and how does a view read and refuse a request? Errors are JSON, like answers."""

import functools
import json
import secrets
from collections.abc import Callable
from typing import Any

from accounts.models import ApiToken
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponse]
SERVICE_ACCOUNT = "service"


class RefusedError(Exception):
    """The request cannot be served; the client gets this status and this reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def failure(status: int, reason: str) -> JsonResponse:
    """Return the one shape that every error of the API has."""
    return JsonResponse({"error": reason}, status=status)


def body(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that the request carries; anything else is refused with 400."""
    try:
        value = json.loads(request.body)
    except ValueError as error:
        raise RefusedError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "the body must be a JSON object")
    return value


def field(values: dict[str, Any], name: str, kind: type, *, longest: int = 100) -> Any:
    """Return one required field of the given type; text must have 1 to `longest` characters."""
    value = values.get(name)
    # bool is a subclass of int in Python, but true is no amount.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise RefusedError(400, f"'{name}' must be given as {kind.__name__}")
    if isinstance(value, str) and not 1 <= len(value) <= longest:
        raise RefusedError(400, f"'{name}' must have 1 to {longest} characters")
    return value


def caller(request: HttpRequest) -> str:
    """Return the name of who calls: by bearer token, or by session, which then needs the CSRF token."""
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return bearer(credential)
    if isinstance(request.user, User):
        # The views are exempt for scripts, so a browser's request is checked here. None means: in order.
        if CsrfCheck(lambda _: HttpResponse()).process_view(request, None, (), {}) is not None:
            raise RefusedError(403, "CSRF token missing or wrong")
        return request.user.get_username()
    raise RefusedError(401, "log in, or send 'Authorization: Bearer TOKEN'")


def bearer(credential: str) -> str:
    """Return whom a token stands for, or refuse it."""
    if settings.API_TOKEN and secrets.compare_digest(credential.encode(), settings.API_TOKEN.encode()):
        return SERVICE_ACCOUNT
    name = ApiToken.owner(credential)
    if name is None:
        raise RefusedError(401, "the token is not known")
    return name


class CsrfCheck(CsrfViewMiddleware):
    """Django's own check, asked for its verdict instead of for a page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def api(*methods: str, open_to_all: bool = False) -> Callable[[View], View]:
    """Make a view an API view: allowed methods, known caller in `request.caller`, refusals as JSON."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                answer = failure(405, f"{request.method} is not allowed here")
                answer["Allow"] = ", ".join(methods)
                return answer
            try:
                if not open_to_all:
                    request.caller = caller(request)  # type: ignore[attr-defined]
                return view(request, *args, **kwargs)
            except RefusedError as refusal:
                return failure(refusal.status, str(refusal))

        return wrapper

    return decorate

"""Who may call the API, and from which pages may a socket be opened?"""

import os
import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Header, HTTPException
from starlette.datastructures import Headers


def knows(token: str) -> bool:
    """Return whether the token is the service account's (API_TOKEN); without one nobody is let in."""
    expected = os.environ.get("API_TOKEN", "")
    return bool(expected) and secrets.compare_digest(token.encode(), expected.encode())


def caller(authorization: Annotated[str, Header()] = "") -> None:
    """Refuse with 401 a request that does not carry the token."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not knows(token):
        raise HTTPException(401, "send 'Authorization: Bearer TOKEN'")


def known_origin(headers: Headers) -> bool:
    """Return whether a handshake may go on: from our own pages, and from scripts, which name no page."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")

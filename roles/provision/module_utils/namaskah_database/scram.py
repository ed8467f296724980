"""Does a stored password verifier belong to a password, and what does a new one look like? (RFC 5802, RFC 7677)

PostgreSQL takes a finished verifier in place of a password, so the password itself never reaches its logs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re

ITERATIONS = 4096  # PostgreSQL's own default (scram_iterations)
SALT_BYTES = 16
STORED = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """Return what PostgreSQL stores in pg_authid.rolpassword for a password of printable ASCII."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def new_verifier(password: str) -> str:
    """Return a verifier with a fresh random salt."""
    return verifier(password, os.urandom(SALT_BYTES))


def matches(stored: str, password: str) -> bool:
    """Tell whether the stored verifier was made from the password; other kinds of verifier never match."""
    parts = STORED.fullmatch(stored)
    if parts is None:
        return False
    made = verifier(password, base64.b64decode(parts[2]), int(parts[1]))
    return hmac.compare_digest(made, stored)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")

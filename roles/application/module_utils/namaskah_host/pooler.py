"""Does a database's server take settings with a connection? A pooler often does not, and migrations need them.

Asked before anybody logs in, so no password is needed or sent. See PostgreSQL documentation, "Message Formats".
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Mapping

from .database_address import DatabaseAddress

PATIENCE = 5.0  # seconds for each step
OPTIONS = "-c lock_timeout=1000"
_SSL_REQUEST, _VERSION = 80877103, 196608
_MOST = 10_000  # bytes of an answer; a refusal has some hundred


def refusal(address: DatabaseAddress, variables: Mapping[str, str]) -> str:
    """Return the server's words where it refuses settings of a connection; "" where it does not, or cannot be asked.

    Raises ValueError where the variables say of no port what it is.
    """
    user = address.keywords.get("user") or variables.get("PGUSER", "")
    name = address.keywords.get("dbname") or variables.get("PGDATABASE") or user
    for host, port in address.places(variables):
        try:
            told = _asked(host, port, {"user": user, "database": name, "options": OPTIONS})
        except (OSError, ValueError, OverflowError):  # it is found out elsewhere whether it can be reached
            continue
        return told if "startup parameter" in told else ""
    return ""


def _asked(host: str, port: int, given: Mapping[str, str]) -> str:
    """Return what the server says against a connection; "" where it goes on."""
    if host.startswith("/"):
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(PATIENCE)
            plain.connect(f"{host}/.s.PGSQL.{port}")
            return _start(plain, given)
    with socket.create_connection((host, port), timeout=PATIENCE) as plain:
        plain.sendall(struct.pack("!ii", 8, _SSL_REQUEST))
        if plain.recv(1) != b"S":
            return _start(plain, given)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing secret is sent, whoever it is
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(plain) as secure:
            return _start(secure, given)


def _start(connection: socket.socket, given: Mapping[str, str]) -> str:
    words = "".join(f"{name}\0{value}\0" for name, value in given.items()).encode() + b"\0"
    connection.sendall(struct.pack("!ii", len(words) + 8, _VERSION) + words)
    with connection.makefile("rb") as stream:
        head = stream.read(5)
        if len(head) < 5 or head[:1] != b"E":  # noqa: PLR2004 - a letter and four bytes of length
            return ""
        fields = stream.read(min(struct.unpack("!i", head[1:])[0] - 4, _MOST)).split(b"\0")
    return next((text[1:].decode(errors="replace") for text in fields if text[:1] == b"M"), "")

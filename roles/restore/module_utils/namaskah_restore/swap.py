"""How one database takes the name of another: clients held off, ended, two renames in one transaction, let in."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_host.failure import Failure

from . import queries
from .settings import Asked


def swap(server: Session, live: str, new: str, old: str, seconds: float) -> float:
    """Rename `live` to `old` and `new` to `live`; the milliseconds in which clients were held off.

    Raises Failure when the sessions did not end within `seconds`; clients are let into the old database then.
    `old` stays closed to clients.
    """
    names = {word: queries.name(value) for word, value in (("live", live), ("new", new), ("old", old))}
    server.do("SET client_connection_check_interval = 0")  # a swap that was begun is ended, whoever asked for it died
    server.do("SET lock_timeout = '2s'")
    server.do(queries.SWAP.format(**names, live_name=literal(live), new_name=literal(new), seconds=float(seconds)))
    return float(server.ask(queries.HELD_OFF))


def settle(server: Session, asked: Asked, live: str) -> None:
    """End what killed restores still do at the server, and let clients in that one of them held off.

    The caller holds the lock: whoever else has a session of that name has no caller any more. Raises Failure.
    """
    end = time.monotonic() + asked.hold_timeout
    while left := server.ask(queries.END_OTHERS.format(name=literal(asked.session_name))):
        if time.monotonic() > end:
            why = f"process {', '.join(map(str, left))} of a killed restore does not end"
            raise Failure("timeout", "What a restore left cannot be mended", asked.where, why, "end it, and try again")
        time.sleep(0.05)
    known = databases(server)
    if live in known and not known[live]["allow"]:
        open_to_clients(server, live, allowed=True)


def databases(server: Session) -> dict[str, dict[str, Any]]:
    """Object id and openness of each database by its name."""
    found: dict[str, dict[str, Any]] = server.ask(queries.DATABASES)
    return found


def name_of(known: dict[str, dict[str, Any]], oid: int) -> str:
    """The present name of the database with that object id; "" where there is none."""
    return next((name for name, state in known.items() if state["oid"] == oid), "")


def open_to_clients(server: Session, database: str, *, allowed: bool) -> None:
    """Let clients connect to a database, or not."""
    server.do(f"ALTER DATABASE {queries.name(database)} ALLOW_CONNECTIONS {'true' if allowed else 'false'}")

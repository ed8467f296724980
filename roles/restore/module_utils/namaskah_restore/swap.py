"""How one database takes the name of another: clients held off, ended, two renames in one transaction, let in."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session

from . import queries


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

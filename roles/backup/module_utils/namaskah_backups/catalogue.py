"""Which server and database this is, what is in it, and what the asking role may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure

from . import queries
from .session import Session

_SHOWN = 10
OLDEST_SERVER = 13  # pg_current_snapshot() and dropdb --force


@dataclass(frozen=True)
class Relation:
    """A table, partitioned table or sequence: `name` is quoted and complete, `columns` a list in SQL."""

    name: str
    kind: str
    size: int
    readable: bool
    secured: bool
    columns: str


@dataclass(frozen=True)
class Database:
    """What a database is: `facts` go into the manifest."""

    facts: dict[str, Any]
    row: dict[str, Any]

    @property
    def major(self) -> int:
        """Major version of the server."""
        return int(self.facts["version_num"]) // 10000

    @property
    def size(self) -> int:
        """Bytes on the server's disk."""
        return int(self.facts["size"])

    @property
    def name(self) -> str:
        """The database's name."""
        return str(self.facts["name"])


def identify(session: Session) -> Database:
    """What the session is connected to. Raises Failure for a server that is too old for this tool."""
    facts = session.ask(queries.IDENTITY)
    row = facts.pop("row")
    database = Database(facts, row)
    if database.major < OLDEST_SERVER:
        where, why = (
            f"PostgreSQL {facts['version']}",
            f"the oldest one that can be backed up is version {OLDEST_SERVER}",
        )
        raise Failure("refused", "The server is too old", where, why, f"bring it to version {OLDEST_SERVER} or newer")
    return database


def relations(session: Session) -> list[Relation]:
    """Tables, partitioned tables and sequences of the application, in the order of their names."""
    return [Relation(**{**entry, "columns": entry["columns"] or ""}) for entry in session.ask(queries.RELATIONS)]


def check_rights(found: list[Relation], database: Database, where: str) -> None:
    """Raise Failure, naming the tables, when the role may not read all of them or sees only some of their rows."""
    user = database.facts["user"]
    denied = [relation.name for relation in found if not relation.readable]
    if denied:
        why = f"{user} may not read {some(denied)}"
        raise Failure("refused", "The backup cannot read every table", where, why, f"GRANT pg_read_all_data TO {user}")
    secured = [relation.name for relation in found if relation.kind == "r" and relation.secured]
    if secured:
        why = f"row-level security hides rows of {some(secured)} from {user}"
        raise Failure("refused", "The backup cannot read every row", where, why, f"ALTER ROLE {user} BYPASSRLS")


def open_snapshot(session: Session) -> dict[str, Any]:
    """Begin a transaction that sees one moment only, and export that moment for pg_dump. See SET TRANSACTION."""
    session.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    moment: dict[str, Any] = session.ask(queries.SNAPSHOT)
    return moment


def some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

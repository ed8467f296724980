"""Which tables have fewer rows than the backup that was made before the migrations?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .session import Session

EXACT = 1_000_000  # rows up to which a table is counted; a larger one is estimated
PATIENCE = 20.0  # seconds for counting; what comes after is estimated

# The tables of these names, and what refers to them: rows of those may go with theirs.
_TOUCHED = """
WITH RECURSIVE links (parent, child) AS (
    SELECT confrelid, conrelid FROM pg_constraint WHERE contype = 'f'
    UNION ALL SELECT inhparent, inhrelid FROM pg_inherits),
touched (oid) AS (
    SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND relname = ANY (string_to_array(%s, chr(10)))
    UNION SELECT child FROM links JOIN touched ON parent = touched.oid)
SELECT quote_ident(nspname) || '.' || quote_ident(relname)
  FROM touched JOIN pg_class USING (oid) JOIN pg_namespace ON pg_namespace.oid = relnamespace
"""
_FOUND = "SELECT to_regclass(%s)::oid::bigint, to_regclass(%s)::text"
_ABOUT = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::bigint::oid"


@dataclass(frozen=True)
class Fewer:
    """A table by its whole name: rows in the backup, rows now (None = the table is gone), whether that is estimated."""

    table: str
    before: int
    now: int | None
    estimated: bool = False

    @property
    def sentence(self) -> str:
        """What a person reads of it."""
        now = "is gone now" if self.now is None else f"{'about ' if self.estimated else ''}{self.now} now"
        return f"table {self.table}: {self.before} rows in the backup, {now}"


def compare(session: Session, rows: Mapping[str, int], names: Iterable[str] | None) -> list[Fewer]:
    """Return the tables that have fewer rows than `rows`, those of the backup by the tables' whole names.

    Only tables with one of `names`, and those that refer to them, for users delete rows as well; None looks at all.
    """
    wanted = dict(rows)
    if names is not None:
        names = set(names)
        touched = {str(row[0]) for row in session.ask(_TOUCHED, "\n".join(sorted(names)))}
        wanted = {table: count for table, count in rows.items() if table in touched or _own(table) in names}
    end = time.monotonic() + PATIENCE
    found = [
        _now(session, table, count, counts=time.monotonic() < end) for table, count in sorted(wanted.items()) if count
    ]
    return [one for one in found if one.now is None or one.now < one.before]


def _own(table: str) -> str:
    """Return a table's name without its schema and quotes."""
    return table.rpartition(".")[2].strip('"')


def _now(session: Session, table: str, before: int, *, counts: bool) -> Fewer:
    ((number, name),) = session.ask(_FOUND, table, table)
    if number is None:
        return Fewer(table, before, None)
    if counts and before <= EXACT:
        # The name is the server's own, quoted by it.
        query = f"SELECT count(*) FROM (SELECT FROM ONLY {name} LIMIT {EXACT}) AS counted"  # noqa: S608
        return Fewer(table, before, int(session.ask(query)[0][0]))
    return Fewer(table, before, int(session.ask(_ABOUT, number)[0][0]), estimated=True)


def as_dict(found: Iterable[Fewer]) -> list[dict[str, Any]]:
    """Return them as reports carry them."""
    return [{**vars(one), "told": one.sentence} for one in found]

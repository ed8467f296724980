"""Which migrations does a database itself say were applied, and does that fit the code of a release?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import queries
from .catalogue import Relation
from .session import Session

_SHOWN = 5  # names of a sentence


def read(session: Session, found: Sequence[Relation], contract: Mapping[str, Any]) -> list[str] | None:
    """The migrations that the session's database records as applied, sorted; None where nobody can tell.

    `found` are its tables; the contract names the one in which the application's framework keeps them, in any schema.
    """
    table, columns = contract.get("applied_table", ""), contract.get("applied_columns") or []
    wanted = {f"namaskah_row.{column}" for column in columns}
    tables = [
        relation
        for relation in found
        if table and relation.kind == "r" and relation.name.rpartition(".")[2] == table and relation.readable
    ]
    if not tables or not wanted or any(wanted - set(relation.columns.split(", ")) for relation in tables):
        return None
    names: set[str] = set()
    for relation in tables:
        listed = queries.APPLIED.format(columns=", ".join(sorted(wanted, key=_place(columns))), name=relation.name)
        names |= set(session.ask(listed))
    return sorted(names)


def _place(columns: Sequence[str]) -> Any:
    return lambda word: columns.index(word.removeprefix("namaskah_row."))


def misfit(applied: Sequence[str] | None, code: Mapping[str, Any]) -> str | None:
    """Why code does not fit a database with these migrations: "" where it fits, None where nobody can tell.

    `code` is what the host knows of it: `known` are the migrations that it has, oldest first; `later` those that came
    with releases after it; `heads` are the newest of each branch where the database keeps those only. What no
    release here knows is left out: it was removed from the code long ago, or is another application's.
    """
    known = list(code.get("known") or [])
    if applied is None or not known:
        return None
    ahead = sorted(set(applied) & (set(code.get("later") or []) - set(known)))
    missing = [name for name in code.get("heads") or known if name not in applied]
    words = []
    if ahead:
        words.append(f"it is ahead by {_some(ahead)}, which that code does not know")
    if missing:
        words.append(f"it lacks {_some(missing)}, which that code needs")
    return "; ".join(words)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

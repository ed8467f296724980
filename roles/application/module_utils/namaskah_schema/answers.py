"""Which migrations does a release know, and what do they do? As its own interpreter answers, in one document.

The preset's program (see asked.py) is started once for all migrations, by `answer_command`.

    {"known": [{"name": ..., "places": {...}, "also": [...], "replaces": [...], "newest": ...,
                "beside": [...]}, ...], "pending": [name, ...], "unsure": why nobody can tell what is pending,
     "sql": {name: [statements, why they are not all]}, "reverse": {name: [statements, why it does not go back]},
     "session": [lock_timeout, schemas]}

or `{"error": why}`. `known` and `pending` are in the order in which they are applied. Asked for `databases` it says

    {"databases": [{"name": ..., "kind": ..., "place": ..., "identity": [system identifier, oid], "standby": ...,
                    "note": what is to be known of the answer}, ...]}

of those that the application uses, the one with the migrations first. `session` is what the server answers to SESSION
in the connection of the application's migrations: its lock_timeout, and its schemas.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import brief

T = TypeVar("T")
SESSION = """
SELECT current_setting('lock_timeout'), (SELECT coalesce(string_agg(quote_ident(name), ', ' ORDER BY place), '')
                                           FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place))
"""
NEXT = (
    "start the application's own command for migrations in the release's folder: what it says there is the cause; "
    "namaskah_answer_command says how it is started here"
)


@dataclass(frozen=True)
class Migration:
    """A migration by its name, with what else is known of it.

    `places` are words for the braces in commands. `also` are migrations that its reversal takes back with it,
    `replaces` those that it stands for. `newest`: none stands on it; False also where nobody told.
    `beside` are further databases to which it goes, by their names in the application's settings.
    """

    name: str
    places: dict[str, str] = field(hash=False)
    also: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    newest: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """The statements of a migration or of its reversal, and why these are not all, or none; "" where they are."""

    sql: str
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """What a release said."""

    known: tuple[Migration, ...]
    pending: tuple[str, ...]
    unsure: str
    sql: dict[str, Text]
    reverse: dict[str, Text]
    session: tuple[str, ...] = ()  # lock_timeout and schemas; nothing where nobody told


@dataclass(frozen=True)
class Used:
    """A database that an application uses. `kind` is as its framework calls it, `place` its name or file.

    `identity` is what the server says of itself (see used.py); empty for other kinds. `standby`: it is a replica.
    """

    name: str
    kind: str
    place: str
    identity: tuple[str, ...]
    standby: bool
    note: str = ""


def read(data: bytes, *, what: str, where: str, program: str) -> Answer:
    """Return the answer in a document. Raises Failure with the release's own words, or with what came instead."""
    return _read(data, _answer, what=what, where=where, program=program)


def read_used(data: bytes, *, what: str, where: str, program: str) -> tuple[Used, ...]:
    """Return the databases in a document, at least one. Raises Failure as `read` does."""
    return _read(data, _used, what=what, where=where, program=program)


def _read(data: bytes, parse: Callable[[dict[str, Any]], T], *, what: str, where: str, program: str) -> T:
    try:
        document = json.loads(data)
        if isinstance(document, dict) and isinstance(document.get("error"), str):
            raise Failure("failed", what, where, document["error"] or "no reason was given", NEXT)
        return parse(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        came = brief(data[:4000].decode(errors="replace"))
        why = f"{program} was to answer with one document of its own, and gave {came!r}" if data else (
            f"{program} ended without an answer: the application ended it, or something killed it"
        )  # fmt: skip
        raise Failure("failed", what, where, why, NEXT) from None


def _answer(document: dict[str, Any]) -> Answer:
    known = tuple(_migration(one) for one in _list(document["known"]))
    pending = tuple(_word(name) for name in _list(document["pending"]))
    names = {one.name for one in known}
    if len(names) != len(known) or len(set(pending)) != len(pending) or not names >= set(pending):
        raise ValueError("a migration is there twice, or is pending and not known")
    session = tuple(_word(part) for part in _list(document.get("session", [])))
    if len(session) not in (0, 2):
        raise ValueError("of a session it tells lock_timeout and schemas")
    return Answer(
        known, pending, _word(document["unsure"]), _texts(document["sql"]), _texts(document["reverse"]), session
    )


def _used(document: dict[str, Any]) -> tuple[Used, ...]:
    found = []
    for raw in _list(document["databases"]):
        identity = tuple(_word(part) for part in _list(raw["identity"]))
        name, kind, place, note = (_word({"note": "", **raw}[key]) for key in ("name", "kind", "place", "note"))
        found.append(Used(name, kind, place, identity, standby=raw["standby"] is True, note=note))
    if not found:
        raise ValueError("an application that has migrations has a database")
    return tuple(found)


def _migration(raw: dict[str, Any]) -> Migration:
    places = {_word(name): _word(value) for name, value in raw["places"].items()}
    keys = ("also", "replaces", "beside")
    also, replaces, beside = (tuple(_word(name) for name in _list(raw.get(key, []))) for key in keys)
    return Migration(_word(raw["name"]), places, also, replaces, newest=raw.get("newest") is True, beside=beside)


def _texts(raw: dict[str, Any]) -> dict[str, Text]:
    return {_word(name): Text(*(_word(part) for part in (sql, why))) for name, (sql, why) in raw.items()}


def _list(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise TypeError
    return raw


def _word(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw

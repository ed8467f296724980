"""What a database holds, so that a copy can be compared with it: rows, content, sequences, objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import queries
from .catalogue import Relation, some
from .session import Session

Fingerprint = dict[str, Any]
# Kinds that are looked at since manifests have been kept: an older one says nothing about them.
_LATER = {"column", "index form", "function text"}


def take(session: Session, found: Sequence[Relation]) -> Fingerprint:
    """The fingerprint of what the session's transaction sees; `found` are the tables and sequences in it."""
    return {
        "tables": {relation.name: _content(session, relation) for relation in found if relation.kind == "r"},
        "sequences": sequences(session, found),
        "large_objects": session.ask(queries.LARGE_OBJECTS),
        "objects": session.ask(queries.OBJECTS),
        "extensions": session.ask(queries.EXTENSIONS),
        "roles": sorted(session.ask(queries.ROLES)),
    }


def sequences(session: Session, found: Sequence[Relation]) -> dict[str, Any]:
    """Where each sequence stands: its last value, whether that was given out, and its step.

    Sequences stand outside snapshots: a dump reads them when it comes to them, so they are asked before and after it.
    """
    names = [relation.name for relation in found if relation.kind == "S"]
    return {
        name: value
        for start in range(0, len(names), 100)
        for name, value in _stand(session, names[start : start + 100])
    }


def _stand(session: Session, names: Sequence[str]) -> list[tuple[str, list[Any]]]:
    parts = " UNION ALL ".join(
        queries.SEQUENCE.format(number=number, literal=queries.literal(name), name=name)
        for number, name in enumerate(names)
    )
    return list(zip(names, session.ask(queries.SEQUENCES.format(parts=parts)), strict=True))


def _content(session: Session, table: Relation) -> list[Any]:
    """The number of rows and the sum of their hashes."""
    answer: list[Any] = session.ask(queries.CONTENT.format(columns=table.columns, name=table.name))
    return answer


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a copy has otherwise than the manifest says, in words; nothing when it is whole."""
    return [
        *_names(wanted["objects"], found["objects"]),
        *(
            f"table {name} has {_rows(found['tables'].get(name))}, not {_rows(content)}"
            for name, content in wanted["tables"].items()
            if found["tables"].get(name) != content
        ),
        *(
            f"sequence {name} stands at {stand[0]}, not between {low[0]} and {high[0]}"
            for name, (low, high) in wanted["sequences"].items()
            if (stand := found["sequences"].get(name)) is not None and not _is_between(low, high, stand)
        ),
        *(["the large objects differ"] if wanted["large_objects"] != found["large_objects"] else []),
    ]


def _rows(content: Sequence[Any] | None) -> str:
    return "no rows at all" if content is None else f"{content[0]} rows with the content hash {content[1]}"


def _names(wanted: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]]) -> list[str]:
    """Objects that are missing or too many. An invalid index is not dumped, so a copy has none that is new."""
    said = []
    for kind in sorted({*wanted, *(set(found) - (_LATER - set(wanted)))}):
        missing = sorted(set(wanted.get(kind, ())) - set(found.get(kind, ())))
        further = sorted(set(found.get(kind, ())) - set(wanted.get(kind, ())))
        if missing and kind != "invalid index":
            said.append(f"{kind} missing: {some(missing)}")
        if further:
            said.append(f"{kind} that the original has not: {some(further)}")
    return said


def _is_between(low: Sequence[Any], high: Sequence[Any], stand: Sequence[Any]) -> bool:
    """Whether a sequence stands where a dump between two looks at it can have seen it."""
    if low == high or stand in (low, high):
        return stand in (low, high)
    step, cycles = low[2], low[3]
    return bool(cycles or (low[0] <= stand[0] <= high[0] if step > 0 else high[0] <= stand[0] <= low[0]))

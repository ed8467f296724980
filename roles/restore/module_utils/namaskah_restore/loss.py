"""Which rows would a restore lose, which would it bring back? Counted exactly, table by table.

A row that was written before the backup's snapshot began is in the backup, as it is. Of every other row the key and
the content are looked up in the restored copy: not there = inserted since, there with other content = updated since.
What the copy has and the database has not was deleted since, and comes back. So frozen rows, rows of subtransactions
and a database that was itself restored are no special cases: the transaction's number only says where to look.
Tables whose definition was changed since are compared row by row, and large objects one by one.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session

from . import queries

_PAGES = 4096  # of a table, read at a time
_BATCH = 20_000  # rows looked up at a time
_WRAP = 1 << 32
_TOO_OLD = 1 << 31
LARGE_OBJECTS = "large objects"  # of a report, in the place of a table's name


@dataclass
class TableLoss:
    """What a table loses (keys of rows that were inserted or updated) and how many rows come back to it."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    before: int
    now: int
    inserted: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    inserted_rows: int = 0
    gone: int = 0
    new_columns: tuple[str, ...] = ()
    numbers: dict[str, int] = field(default_factory=dict)  # of a table without key: how many rows of each content

    @property
    def lost(self) -> bool:
        """Whether anything of it would change."""
        return bool(self.inserted_rows or self.updated or self.gone)

    def summary(self) -> dict[str, Any]:
        """The report's words about it."""
        return {
            "inserted": self.inserted_rows,
            "updated": len(self.updated),
            "deleted": self.gone,
            "rows_before": self.before,
            "rows_now": self.now,
            "key": list(self.key),
            **({"new_columns": list(self.new_columns)} if self.new_columns else {}),
        }


@dataclass(frozen=True)
class Shape:
    """A table in one of the two databases: `columns`, `key` are names, `missing` what unwritten rows have."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    pages: int
    plain: str
    missing: Mapping[str, str]


def shapes(session: Session) -> dict[str, Shape]:
    """The tables of a database by their quoted, complete names."""
    found = session.ask(queries.TABLES)
    return {
        name: Shape(tuple(table["columns"]), tuple(table["key"]), table["pages"], table["plain"], table["missing"])
        for name, table in sorted(found.items())
    }


def measure(live: Session, copy: Session, snapshot: str) -> Iterator[TableLoss]:
    """What each table loses, whose rows differ. Both sessions are in a transaction that sees one moment only."""
    since = Since(live.ask(queries.NOW)["next"], snapshot)
    altered = set(live.ask(queries.ALTERED.format(**{row: since.condition(row) for row in "cnae"})))
    there, backed_up = shapes(live), shapes(copy)
    for name in sorted({*there, *backed_up}):
        if name not in backed_up:
            loss = _new_table(live, name, there[name])
        elif name not in there:
            before = copy.ask(queries.COUNT.format(name=name))
            loss = TableLoss(name, backed_up[name].key, backed_up[name].columns, before, 0, gone=before)
        else:
            loss = _table(live, copy, name, (there[name], backed_up[name]), since, altered=name in altered)
        if loss.lost:
            yield loss
    loss = _large_objects(live, copy)
    if loss.lost:
        yield loss


def written(session: Session, since: str) -> dict[str, int]:
    """How many rows of each table were written by transactions that the snapshot `since` did not see ended."""
    condition = Since(session.ask(queries.NOW)["next"], since).condition()
    count = f"{queries.COUNT} AS namaskah_row WHERE {condition}"
    counted = {name: session.ask(count.format(name=name)) for name in shapes(session)}
    return {name: number for name, number in counted.items() if number}


@dataclass(frozen=True)
class Since:
    """The moment of a snapshot, for the server's next transaction number is `next_number`.

    `snapshot` is "xmin:xmax:list" (PostgreSQL's manual, "pg_snapshot Components"): below its xmin all have ended.
    """

    next_number: int
    snapshot: str

    def condition(self, row: str = "namaskah_row") -> str:
        """What holds, in SQL, for every row which a transaction wrote that the snapshot did not see ended.

        After half of the numbers were used since, or in another cluster, a number says nothing: every row is looked up.
        """
        since = int(self.snapshot.split(":", maxsplit=1)[0])
        if not 0 <= self.next_number - since < _TOO_OLD:
            return "true"
        epoch = self.next_number // _WRAP * _WRAP
        return queries.CONDITION.format(row=row, epoch=epoch, next=self.next_number, since=since)


def _large_objects(live: Session, copy: Session) -> TableLoss:
    """As of a table whose rows are the large objects and whose key is their number: each is read, on both sides."""
    now, before = live.ask(queries.LARGE_OBJECTS), copy.ask(queries.LARGE_OBJECTS)
    inserted = sorted(now.keys() - before.keys())
    return TableLoss(
        LARGE_OBJECTS,
        ("oid",),
        ("oid",),
        len(before),
        len(now),
        inserted,
        sorted(oid for oid in now.keys() & before.keys() if now[oid] != before[oid]),
        len(inserted),
        len(before.keys() - now.keys()),
    )


def _new_table(live: Session, name: str, shape: Shape) -> TableLoss:
    now = live.ask(queries.COUNT.format(name=name))
    loss = TableLoss(name, shape.key, shape.columns, 0, now, inserted_rows=now)
    if now:
        key = text_of(shape.key or shape.columns)
        loss.inserted = sorted({row[0] for row in _written(live, name, shape, (key, "''", "false"), "true")})
    return loss


def _table(
    live: Session, copy: Session, name: str, both: tuple[Shape, Shape], since: Since, *, altered: bool
) -> TableLoss:
    """Of a table that was altered every row is looked up."""
    now, before = both
    common = tuple(column for column in now.columns if column in before.columns)
    new_columns = tuple(column for column in now.columns if column not in before.columns)
    key = now.key if now.key and now.key == before.key else ()
    words = (text_of(key or common), text_of(common), _any_value(new_columns, now.missing, since.condition()))
    loss = TableLoss(
        name,
        key,
        common,
        copy.ask(queries.COUNT.format(name=name)),
        live.ask(queries.COUNT.format(name=name)),
        new_columns=new_columns,
    )
    written = _written(live, name, now, words, "true" if altered else since.condition())
    if key:
        _by_key(loss, written, copy, words)
    else:
        _by_content(loss, written, (live, copy), words)
    loss.gone = loss.before - loss.now + loss.inserted_rows
    return loss


def _written(
    live: Session, name: str, shape: Shape, words: tuple[str, str, str], condition: str
) -> Iterator[tuple[str, str, bool]]:
    """Key, content's hash, and whether a new column has a value, of each row that may have been written since."""
    for first in range(0, max(shape.pages, 1) + 1, _PAGES):
        yield from live.ask(
            queries.WRITTEN.format(
                key=words[0], content=words[1], further=words[2], name=name, first=first, end=first + _PAGES,
                condition=condition,
            )
        )  # fmt: skip


def _by_key(
    loss: TableLoss, written: Iterator[tuple[str, str, bool]], copy: Session, words: tuple[str, str, str]
) -> None:
    for batch in batches(written, _BATCH):
        known = {row[0]: row[1] for row in _known(copy, loss.name, words, [row[0] for row in batch])}
        loss.inserted += [key for key, _, _ in batch if key not in known]
        loss.updated += [key for key, content, new in batch if key in known and (known[key] != content or new)]
    loss.inserted_rows = len(loss.inserted)


def _by_content(
    loss: TableLoss,
    written: Iterator[tuple[str, str, bool]],
    both: tuple[Session, Session],
    words: tuple[str, str, str],
) -> None:
    """Without a key equal rows are counted: lost is what the database has more of than the copy."""
    for batch in batches(iter(sorted({row[0] for row in written})), _BATCH):
        live, copy = ({row[0]: row[2] for row in _known(side, loss.name, words, batch)} for side in both)
        more = {row: number - copy.get(row, 0) for row, number in live.items() if number > copy.get(row, 0)}
        loss.inserted += sorted(more)
        loss.numbers |= more
        loss.inserted_rows += sum(more.values())


def _known(session: Session, name: str, words: tuple[str, str, str], keys: Sequence[str]) -> list[list[Any]]:
    found: list[list[Any]] = session.ask(
        queries.KNOWN.format(key=words[0], content=words[1], name=name, keys=literal(json.dumps(keys)))
    )
    return found


def text_of(columns: Sequence[str]) -> str:
    """The text, in SQL, of some columns of a row."""
    return f"ROW({', '.join(f'namaskah_row.{queries.name(column)}' for column in columns)})::text"


def _any_value(columns: Sequence[str], missing: Mapping[str, str], written: str) -> str:
    """Whether a row has a value in one of these columns, other than the one that it got without being written."""
    row = {column: f"namaskah_row.{queries.name(column)}" for column in columns}
    unwritten = {column: literal(missing[column]) if column in missing else "NULL" for column in columns}
    parts = [
        f"{row[column]} IS NOT NULL AND ({written} OR format('%s', {row[column]}) IS DISTINCT FROM {unwritten[column]})"
        for column in columns
    ]
    return " OR ".join(parts) or "false"


def batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size` items."""
    while batch := list(itertools.islice(items, size)):
        yield batch


def window(taken: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """From when to when the rows were written."""
    return {"from": taken["moment"], "to": now["moment"], "lsn_from": taken["lsn"], "lsn_to": now["lsn"]}

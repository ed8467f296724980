"""The rows that a restore loses or brings back, as CSV files for people and for COPY; and their sums."""

from __future__ import annotations

import heapq
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session, address
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure

from . import queries
from .loss import LARGE_OBJECTS, TableLoss, batches, text_of
from .settings import Asked

_BATCH = 20_000
_OPTIONS = (
    "-c statement_timeout=0 -c row_security=off -c search_path= -c local_preload_libraries= -c timezone=UTC"
    " -c datestyle=ISO -c intervalstyle=iso_8601 -c extra_float_digits=3 -c bytea_output=hex"
)
_SAFE = "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Source:
    """A database that rows are copied from, at the moment of an exported snapshot ("" = now)."""

    tools: Tools
    asked: Asked
    database: str
    snapshot: str = ""

    def copied(self, statement: str) -> Iterator[bytes]:
        """What a COPY statement gives, line by line. Raises Failure when it did not come to its end."""
        words = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n"
        begin += f"SET TRANSACTION SNAPSHOT {literal(self.snapshot)};\n" if self.snapshot else ""
        process = subprocess.Popen(
            [str(self.tools.folder / "psql"), *words, f"--dbname={address(self.asked.service, self.database)}"],
            env={**self.tools.env, "PGOPTIONS": _OPTIONS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )
        with process:
            if process.stdin is None or process.stdout is None or process.stderr is None:
                raise AssertionError
            process.stdin.write(f"{begin}{statement};\n".encode())
            process.stdin.close()
            yield from process.stdout
            said = process.stderr.read().decode(errors="replace").strip()
        if process.returncode != 0:
            next_step = "free space, or give the role the right to read it; nothing was swapped"
            raise Failure("failed", "The rows cannot be exported", self.database, said or "psql failed", next_step)


def rows(source: Source, loss: TableLoss, folder: Path) -> list[str]:
    """Write the rows that were inserted or updated since into files of `folder`; their names."""
    changes = (("inserted", loss.inserted), ("updated", loss.updated))
    return [_file(source, loss, kind, keys, folder) for kind, keys in changes if keys]


def _file(source: Source, loss: TableLoss, kind: str, keys: Sequence[str], folder: Path) -> str:
    name = f"{_file_name(loss.name)}.{kind}.csv"
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        for number, batch in enumerate(batches(iter(keys), _BATCH)):
            header = "true" if number == 0 else "false"
            stream.writelines(source.copied(f"COPY ({_chosen(loss, batch)}) TO STDOUT (FORMAT csv, HEADER {header})"))
        stream.flush()
        os.fsync(stream.fileno())
    return name


def _chosen(loss: TableLoss, keys: Sequence[str]) -> str:
    """The query that gives the rows of these keys; of large objects their content, in numbered parts."""
    if loss.numbers:
        columns = ", ".join(f"namaskah_row.{queries.name(column)}" for column in (*loss.columns, *loss.new_columns))
        numbers = literal(json.dumps({key: loss.numbers[key] for key in keys}))
        return queries.OF_CONTENTS.format(columns=columns, key=text_of(loss.columns), name=loss.name, numbers=numbers)
    wanted = literal(json.dumps(keys))
    if loss.name == LARGE_OBJECTS:
        return queries.LARGE_OF_KEYS.format(keys=wanted)
    return queries.OF_KEYS.format(name=loss.name, key=text_of(loss.key or loss.columns), keys=wanted)


def _file_name(table: str) -> str:
    return "".join(letter if letter in _SAFE else "_" for letter in table)[:150]


def deleted(live: Source, copy: Source, loss: TableLoss, folder: Path) -> str:
    """Write the keys of the rows that were deleted since, and come back; the file's name. Raises Failure.

    They are found by a comparison of all keys on both sides, so their number proves the counted one.
    """
    columns, of = text_of(loss.key or loss.columns), f"ONLY {loss.name}"
    if loss.name == LARGE_OBJECTS:
        of = "pg_largeobject_metadata"
    statement = (
        f"COPY (SELECT encode(convert_to({columns}, 'UTF8'), 'hex') FROM {of} AS namaskah_row"  # noqa: S608 - names that the server quoted itself
        " ORDER BY 1) TO STDOUT"
    )
    here = copy.copied(statement)
    there = live.copied(statement) if loss.now else iter(())
    name = f"{_file_name(loss.name)}.deleted.csv"
    found = 0
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(f"key ({', '.join(loss.key or loss.columns)})\n")
        for line in _only_first(here, there):
            text = bytes.fromhex(line.decode()).decode().replace('"', '""')
            stream.write(f'"{text}"\n')
            found += 1
        stream.flush()
        os.fsync(stream.fileno())
    if found != loss.gone:
        why = f"{loss.gone} rows were counted, {found} were found by their keys"
        next_step = "tables changed while they were compared; try again, or stop what alters them"
        raise Failure("failed", "The report of deleted rows contradicts itself", loss.name, why, next_step)
    return name


def _only_first(first: Iterable[bytes], second: Iterable[bytes]) -> Iterator[bytes]:
    """What the first sorted stream has more of than the second."""
    tagged = heapq.merge(((line.strip(), 0) for line in first), ((line.strip(), 1) for line in second))
    balance: dict[int, int] = {0: 0, 1: 0}
    present: bytes | None = None
    for line, side in tagged:
        if line != present:
            if present is not None:
                yield from [present] * max(balance[0] - balance[1], 0)
            present, balance = line, {0: 0, 1: 0}
        balance[side] += 1
    if present is not None:
        yield from [present] * max(balance[0] - balance[1], 0)


def sums(session: Session, loss: TableLoss, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each group of the lost rows: how many there are, and the sums of the columns that were asked for."""
    found: list[dict[str, Any]] = []
    for kind, keys in (("inserted", loss.inserted), ("updated", loss.updated)):
        totals: dict[str, tuple[int, list[Decimal]]] = {}
        for batch in batches(iter(keys), _BATCH):
            for groups, number, values in session.ask(_sums_query(loss, wanted, batch)):
                key = json.dumps(groups)
                count, before = totals.get(key, (0, [Decimal(0)] * len(values)))
                totals[key] = (
                    count + number,
                    [a + Decimal(b or 0) for a, b in zip(before, values, strict=True)],
                )
        for key, (number, values) in sorted(totals.items()):
            entry: dict[str, Any] = {"change": kind, **dict(zip(wanted["group_by"], json.loads(key), strict=True))}
            entry["rows"] = number
            entry |= {f"sum of {column}": str(value) for column, value in zip(wanted["sum"], values, strict=True)}
            found.append(entry)
    return found


def _sums_query(loss: TableLoss, wanted: Mapping[str, Any], keys: Sequence[str]) -> str:
    groups = [f"namaskah_row.{queries.name(column)}::text" for column in wanted["group_by"]]
    return queries.SUMS.format(
        groups=", ".join(groups),
        sums=", ".join(f"sum(namaskah_row.{queries.name(column)})::text" for column in wanted["sum"]),
        rows=_chosen(loss, keys),
        grouped=f"GROUP BY {', '.join(groups)}" if groups else "",
    )

"""What happened on this host, by whom, in which order? A hash-chained file of JSON lines."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import locking
from .foreign import visible

FIRST = "0" * 64
LONGEST = 2000  # characters of one text of a record
BLOCK = 65536  # bytes that are read at once
DAMAGED = "journal damaged"
WAIT = 10.0  # seconds: whoever writes a record has the journal for a moment only


def now() -> str:
    """Return the time of a record: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def digest(line: bytes) -> str:
    """Return the hash that the next record carries of this line."""
    return hashlib.sha256(line).hexdigest()


def _backwards(descriptor: int, end: int) -> bytes:
    """Return what stands between the last newline before `end` and `end`, however far back that is."""
    found = b""
    while end > 0 and b"\n" not in found:
        start = max(0, end - BLOCK)
        found = os.pread(descriptor, end - start, start) + found
        end = start
    return found.rpartition(b"\n")[2]


def _last_line(descriptor: int) -> bytes | None:
    """Return the last complete line; a torn one after a power cut is cut off, for it never happened."""
    size = os.fstat(descriptor).st_size
    torn = len(_backwards(descriptor, size))
    if torn:
        os.ftruncate(descriptor, size - torn)
    return _backwards(descriptor, size - torn - 1) if size > torn else None


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, or None where it is none that we could have written."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("seq")) is not int or "act" not in entry:
        return None
    entry = {"run": "", "time": "", "previous": "", **entry}
    return entry if all(isinstance(entry[name], str) for name in ("act", "run", "time", "previous")) else None


def short(value: Any) -> Any:
    """Return a JSON-like value with each of its texts cut: what an application says has no place of its own here."""
    if isinstance(value, str):
        shown = visible(value[: LONGEST + 1])
        return shown if len(shown) <= LONGEST else shown[:LONGEST] + "..."
    if isinstance(value, dict):
        return {str(name): short(item) for name, item in value.items()}
    return [short(item) for item in value] if isinstance(value, (list, tuple)) else value


def _write(descriptor: int, number: int, last: bytes | None, record: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    previous = FIRST if last is None else digest(last)
    entry = {"seq": number, "previous": previous, "time": now(), **short(record)}
    line = json.dumps(entry, sort_keys=True).encode()
    os.write(descriptor, line + b"\n")
    return entry, line


def append(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Append `record` with its number, its time and the hash of the record before it; durable on return.

    After a record that cannot be read a record says so first, and the chain goes on behind it: a release, a rollback
    or a boot must not depend on what stands in the journal, and `first_break` still names the damaged one.
    Raises Failure (refused), with the holder's name, when another process keeps the journal locked.
    """
    descriptor = locking.opened(path, os.O_APPEND)
    try:
        locking.wait_for(descriptor, path, WAIT)
        last = _last_line(descriptor)
        before = _parsed(last) if last is not None else None
        number = before["seq"] + 1 if before else _count(path) + 1
        if last is not None and before is None:
            about = {name: record.get(name, "") for name in ("run", "by", "host")}
            damaged = {
                **about,
                "act": DAMAGED,
                "why": f"record {number - 1} cannot be read; the chain goes on behind it",
            }
            _, last = _write(descriptor, number, last, damaged)
            number += 1
        entry, _ = _write(descriptor, number, last, record)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return entry


def _count(path: Path) -> int:
    """Return how many complete lines the journal has."""
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK), b""))


def _lines(path: Path) -> list[bytes]:
    """Return the complete lines of the journal, which end at a newline alone; none where there is no journal."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def read(path: Path) -> list[dict[str, Any]]:
    """Return all records that can be read, oldest first; an absent journal has none."""
    return [entry for line in _lines(path) if (entry := _parsed(line)) is not None]


def first_break(path: Path) -> int | None:
    """Return the number of the first record whose chain does not hold, or None where all do."""
    previous = FIRST
    for number, line in enumerate(_lines(path), start=1):
        entry = _parsed(line)
        if entry is None or (entry["seq"], entry["previous"]) != (number, previous):
            return number
        previous = digest(line)
    return None

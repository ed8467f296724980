"""What happened on this host, by whom, in which order? A hash-chained file of JSON lines."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import locking

FIRST = "0" * 64
WAIT = 10.0  # seconds: whoever writes a record has the journal for a moment only


def now() -> str:
    """Return the time of a record: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def digest(line: str) -> str:
    """Return the hash that the next record carries of this line."""
    return hashlib.sha256(line.encode()).hexdigest()


def _last_line(descriptor: int) -> str | None:
    """Return the last complete line; a torn one after a power cut is cut off, for it never happened."""
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, min(size, 65536), max(0, size - 65536))
    complete, newline, torn = content.rpartition(b"\n")
    if torn:
        os.ftruncate(descriptor, size - len(torn))
    return complete.rpartition(b"\n")[2].decode() if newline else None


def append(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Append `record` with its number, its time and the hash of the record before it; durable on return.

    Raises Failure (refused), with the holder's name, when another process keeps the journal locked.
    """
    descriptor = locking.opened(path, os.O_APPEND)
    try:
        locking.wait_for(descriptor, path, WAIT)
        last = _last_line(descriptor)
        number = json.loads(last)["seq"] + 1 if last else 1
        entry = {"seq": number, "previous": digest(last) if last else FIRST, "time": now(), **record}
        os.write(descriptor, json.dumps(entry, sort_keys=True).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return entry


def read(path: Path) -> list[dict[str, Any]]:
    """Return all records, oldest first; an absent journal has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]


def first_break(path: Path) -> int | None:
    """Return the number of the first record whose chain does not hold, or None where all do."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    previous = FIRST
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            return number
        if entry.get("seq") != number or entry.get("previous") != previous:
            return number
        previous = digest(line)
    return None

"""What did a run do, in which order? A file of JSON lines, each with the hash of the one before, durable when written.

The hosts keep theirs in the same form (journal.jsonl), written by their own modules.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FIRST = "0" * 64


class Chain:
    """An append-only journal; a torn last line, as a power cut leaves it, is cut off when it is opened again."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) != len(content):
            os.ftruncate(self._file, len(whole))
        lines = whole.decode().splitlines()
        self._number = len(lines)
        self._previous = _digest(lines[-1]) if lines else FIRST

    def add(self, act: str, **facts: Any) -> None:
        """Append an act with its number, its time and the hash of the line before; it is on the disk on return."""
        self._number += 1
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"seq": self._number, "previous": self._previous, "time": time, "act": act, **facts}
        line = json.dumps(entry, sort_keys=True, ensure_ascii=False, default=str)
        os.write(self._file, line.encode() + b"\n")
        os.fsync(self._file)
        self._previous = _digest(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read(path: Path) -> list[Mapping[str, Any]]:
    """Return the entries, oldest first; none where there is no such file. A torn last line never happened."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def first_break(path: Path) -> int | None:
    """Return the number of the first line whose chain does not hold, or None where all do."""
    previous = FIRST
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        entry = json.loads(line)
        if (entry.get("seq"), entry.get("previous")) != (number, previous):
            return number
        previous = _digest(line)
    return None


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()

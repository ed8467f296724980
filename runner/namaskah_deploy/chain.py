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

from namaskah_deploy.foreign import visible

FIRST = "0" * 64
LONGEST = 2000
"""Characters of one text of an entry that are written."""
DAMAGED = "journal damaged"


class Chain:
    """An append-only journal; a torn last line, as a power cut leaves it, is cut off when it is opened again.

    Behind a last line that cannot be read an entry says so, and the chain goes on: `first_break` names that line.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) != len(content):
            os.ftruncate(self._file, len(whole))
        lines = whole.split(b"\n")[:-1]
        self._number = len(lines)
        self._previous = _digest(lines[-1]) if lines else FIRST
        if lines and _entry(lines[-1]) is None:
            self.add(DAMAGED, why=f"entry {self._number} cannot be read; the chain goes on behind it")

    def add(self, act: str, **facts: Any) -> None:
        """Append an act with its number, its time and the hash of the line before; it is on the disk on return."""
        self._number += 1
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"seq": self._number, "previous": self._previous, "time": time, "act": act, **_short(facts)}
        line = json.dumps(entry, sort_keys=True, ensure_ascii=False, default=str).encode(errors="backslashreplace")
        os.write(self._file, line + b"\n")
        os.fsync(self._file)
        self._previous = _digest(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read(path: Path) -> list[Mapping[str, Any]]:
    """Return the entries that can be read, oldest first; none where there is no file. A torn line never happened."""
    return [entry for line in _lines(path) if (entry := _entry(line)) is not None]


def first_break(path: Path) -> int | None:
    """Return the number of the first line whose chain does not hold, or None where all do."""
    previous = FIRST
    for number, line in enumerate(_lines(path), start=1):
        entry = _entry(line)
        if entry is None or (entry.get("seq"), entry.get("previous")) != (number, previous):
            return number
        previous = _digest(line)
    return None


def _lines(path: Path) -> list[bytes]:
    """Return the complete lines, which end at a newline alone: other marks that end lines may stand in a text."""
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _entry(line: bytes) -> Mapping[str, Any] | None:
    """Return the entry of a line, or None where it is none of ours."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("act"), str) else None


def _short(value: Any) -> Any:
    """Return a JSON-like value with each of its texts visible and cut."""
    if isinstance(value, str):
        shown = visible(value[: LONGEST + 1])
        return shown if len(shown) <= LONGEST else shown[:LONGEST] + "..."
    if isinstance(value, Mapping):
        return {str(name): _short(item) for name, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list | tuple) else value


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()

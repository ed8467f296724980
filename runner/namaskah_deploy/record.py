"""What is kept of a run? A folder of its own with its events, its report as JSON and the same for readers."""

import dataclasses
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from namaskah_deploy.events import Event, Other


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder for this tool's state, where the XDG base directory specification puts it."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".local" / "state")
    return Path(base) / "namaskah-deploy"


class Record:
    """The folder of one run, readable by its owner only. What is written was redacted before."""

    def __init__(self, state: Path, run_id: str) -> None:
        runs = state / "runs"
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = runs / run_id
        self.folder.mkdir(mode=0o700)
        self._events = _create(self.folder / "events.jsonl")

    def add(self, event: Event) -> None:
        """Append one event."""
        if not isinstance(event, Other):
            self._events.write(line(event) + "\n")
            self._events.flush()

    def close(self, document: Mapping[str, Any], readable: str) -> None:
        """Write the report, as JSON and for readers; the last act."""
        self._events.close()
        with _create(self.folder / "report.json") as file:
            json.dump(document, file, indent=2, ensure_ascii=False, default=str)
            file.write("\n")
        with _create(self.folder / "report.md") as file:
            file.write(readable)


def line(event: Event) -> str:
    """Return an event as one line of JSON, with the name of its kind."""
    facts = {name: _plain(value) for name, value in _fields(event).items() if value is not None}
    return json.dumps({"event": type(event).__name__, **facts}, ensure_ascii=False, default=str)


def _fields(event: Event) -> dict[str, Any]:
    return {one.name: getattr(event, one.name) for one in dataclasses.fields(event)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _create(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")

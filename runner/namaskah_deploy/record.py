"""What is kept of a run? A folder of its own with its events, its report as JSON and the same for readers."""

import dataclasses
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from namaskah_deploy.chain import Chain
from namaskah_deploy.events import Event, HostResult, HostStarted, Other

_OURS = "namaskah_"


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder for this tool's state, where the XDG base directory specification puts it."""
    base = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".local" / "state")
    return Path(base) / "namaskah-deploy"


class Record:
    """The folder of one run, readable by its owner only. What is written was redacted before.

    `journal.jsonl` is hash-chained and on the disk before the play goes on being followed: the plan, each step of ours
    on each host before and after it, the end. A run that goes on (`again`) goes on in its folder.
    """

    def __init__(self, state: Path, run_id: str, plan: Mapping[str, Any] | None = None, *, again: bool = False) -> None:
        runs = state / "runs"
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = runs / run_id
        self.folder.mkdir(mode=0o700, exist_ok=again)
        self._events = _create(_free(self.folder / "events.jsonl"))
        self._journal = Chain(self.folder / "journal.jsonl")
        self._journal.add("goes on" if again else "began", run=run_id, pid=os.getpid(), **(plan or {}))

    def add(self, event: Event) -> None:
        """Append one event."""
        if not isinstance(event, Other):
            self._events.write(line(event) + "\n")
            self._events.flush()
        if isinstance(event, HostStarted | HostResult) and event.action.startswith(_OURS):
            about = {"host": event.host, "phase": event.phase, "step": event.action.removeprefix(_OURS)}
            if isinstance(event, HostStarted):
                self._journal.add("step began", **about)
            else:
                self._journal.add("step ended", **about, status=event.status, **_resolved(event))

    def close(self, document: Mapping[str, Any], readable: str) -> None:
        """Write the report, as JSON and for readers; the last act."""
        self._events.close()
        self._journal.add("ended", exit_code=document.get("exit_code"), headline=document.get("headline"))
        self._journal.close()
        with _create(_free(self.folder / "report.json")) as file:
            json.dump(document, file, indent=2, ensure_ascii=False, default=str)
            file.write("\n")
        with _create(_free(self.folder / "report.md")) as file:
            file.write(readable)


def _resolved(event: HostResult) -> dict[str, Any]:
    """Return what a run has to know to go on: which commit it releases, under which name."""
    if event.action != "namaskah_resolve" or event.result is None:
        return {}
    return {name: event.result.get(name, "") for name in ("commit", "tag", "release")}


def _free(path: Path) -> Path:
    """Return the path, or with a number where a run that went on has left one before."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1000))
    return next((one for one in (path, *numbered) if not one.exists()), path)


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

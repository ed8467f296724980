"""How far is a run, phase by phase? Folds events into phases; a phase is a role, in the order of the run.

The same fold serves the live display, the plain lines and the report.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from namaskah_deploy.events import SPEC_CHECK, Event, HostResult, HostStarted, Retry, TaskStarted

ECHOING = ("fail", "assert")
"""Actions that repeat an earlier failure, where there was one."""
_ROLE = re.compile(r"(?!application$)[a-z][a-z0-9_]*")
"""Roles that do something: a play's name has spaces or capitals, and `application` only says what the others ask."""
_RANK = ("waiting", "skipped", "ok", "changed", "failed", "unreachable")


@dataclass
class HostState:
    """What a host does in a phase; `status` is the worst of its results, `task` the last one it began."""

    status: str = "waiting"
    task: str = ""
    note: str = ""
    busy: bool = False


@dataclass
class Phase:
    """One phase of a run; `seconds` counts the times in which it was the running one."""

    name: str
    started: datetime
    ended: datetime
    hosts: dict[str, HostState] = field(default_factory=dict)
    seconds: float = 0.0
    rounds: int = 1

    @property
    def failed(self) -> bool:
        """Whether a host failed in it or could not be reached."""
        return any(host.status in ("failed", "unreachable") for host in self.hosts.values())


class Phases:
    """The phases so far, in the order in which they began."""

    def __init__(self) -> None:
        self.known: dict[str, Phase] = {}
        self.current: Phase | None = None
        self._since: datetime | None = None

    def add(self, event: Event) -> None:
        """Take `event` into account; events of no task only move the clock."""
        if isinstance(event, TaskStarted) and event.action == SPEC_CHECK:
            return
        if isinstance(event, TaskStarted | HostStarted | HostResult | Retry) and not self.echoes(event):
            phase = self._enter(event.phase, event.at)
            if not isinstance(event, TaskStarted):
                _note(phase.hosts.setdefault(event.host, HostState()), event)
        elif self.current is not None:
            self._reach(self.current, event.at)

    def echoes(self, event: TaskStarted | HostStarted | HostResult | Retry) -> bool:
        """Whether the event is no phase and no failure of its own.

        So is a `fail` or `assert` after a failure, which only carries it on, and what a play does between its roles,
        unless it fails.
        """
        if event.action in ECHOING and any(phase.failed for phase in self.known.values()):
            return True
        failed = isinstance(event, HostResult) and event.status in ("failed", "unreachable")
        return not failed and not _ROLE.fullmatch(event.phase)

    def _enter(self, name: str, at: datetime) -> Phase:
        if self.current is not None and self.current.name != name:
            self.current = None
        phase = self.known.get(name)
        if phase is None:
            phase = self.known[name] = Phase(name=name, started=at, ended=at)
        elif self.current is None:
            phase.rounds += 1
        if self.current is None:
            self.current, self._since = phase, at
        self._reach(phase, at)
        return phase

    def _reach(self, phase: Phase, at: datetime) -> None:
        if self._since is not None and at > self._since:
            phase.seconds += (at - self._since).total_seconds()
            self._since = at
        phase.ended = max(phase.ended, at)


def _note(host: HostState, event: HostStarted | HostResult | Retry) -> None:
    if isinstance(event, HostStarted):
        host.task, host.note, host.busy = event.task, "", True
    elif isinstance(event, Retry):
        # Asking a long step for news is no further try of it.
        host.note = "" if event.action == "async_status" else f"try {event.attempt + 1}{event.why and f': {event.why}'}"
    else:
        host.busy, host.note = False, ""
        if not event.ignored and _RANK.index(event.status) > _RANK.index(host.status):
            host.status = event.status

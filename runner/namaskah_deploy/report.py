"""What came of a run? Folds its events into one value, and that value into the JSON that is kept and printed."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from namaskah_deploy.events import Ended, Event, HostResult, Line, NoHosts
from namaskah_deploy.failure import Failure
from namaskah_deploy.phases import ECHOING, Phase, Phases
from namaskah_deploy.request import Request

FORMAT = 1
"""Version of the JSON document; it grows when a field changes its meaning."""
_KEPT_LINES = 30
_FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("commit", "resolve", ("commit",)),
    ("subject", "resolve", ("subject",)),
    ("tag", "resolve", ("tag",)),
    ("release", "resolve", ("release",)),
    ("release", "activation", ("release",)),
    ("from", "target", ("live", "release")),
    ("from", "activation", ("from",)),
    ("to", "target", ("target", "release")),
    ("shared paths that are NOT backed up", "preflight", ("not_backed_up",)),
    ("idle in a transaction before the migrations", "preflight", ("idle",)),
    ("static files without a place in the pool", "preparation", ("unpooled",)),
    ("backups log in", "backup", ("login",)),
    ("backup", "backup", ("id",)),
    ("files archived", "backup", ("archive", "files")),
    ("backup proof", "backup", ("proof",)),
    ("backup warnings", "backup", ("warnings",)),
    ("database rollback", "backup", ("rollback",)),
    ("backups removed", "backup", ("removed",)),
    ("backup copies", "backup", ("copied_to",)),
    ("backup copies failed", "backup", ("copy_warnings",)),
    ("unpacked into", "backup", ("folder",)),
    ("backup tag", "backup", ("backup_tag",)),
    ("restore point", "point_in_time", ("restore_point",)),
    ("back to it by", "point_in_time", ("command",)),
    ("migrations", "migration", ("applied",)),
    ("migrations reversed", "migration", ("reversed",)),
    ("schema", "migration", ("schema",)),
    ("rows may be lost", "migration", ("data",)),
    ("fewer rows than in the backup", "migration", ("fewer_told",)),
    ("notes on migrations", "migration", ("notes",)),
    ("restored backup", "restore", ("backup",)),
    ("restore ended as", "restore", ("phase",)),
    ("rows lost", "restore", ("loss", "rows")),
    ("replaced database", "restore", ("kept",)),
    ("clients held off, ms", "restore", ("held_off_ms",)),
)
"""Name of a fact, the phase whose modules report it, and where in their result it stands."""


@dataclass(frozen=True)
class Failed:
    """A failure of a task on a host in a phase."""

    host: str
    phase: str
    task: str
    failure: Failure


@dataclass(frozen=True)
class Result:
    """What a module of ours reported of a host."""

    host: str
    phase: str
    action: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """What came of one run of a playbook.

    `missing` are hosts that had to take part and did not, `lines` what Ansible wrote outside of tasks, `completed`
    whether the playbook came to its own end.
    """

    phases: tuple[Phase, ...]
    failures: tuple[Failed, ...]
    results: tuple[Result, ...]
    missing: tuple[str, ...]
    processed: tuple[str, ...]
    code: int | None
    stopped: bool
    completed: bool
    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it did everything: exit code 0, every expected host took part, and there was one.

        That it was asked to stop does not matter where it had come to its end before.
        """
        return self.code == 0 and self.completed and not self.missing and not self.failures and bool(self.processed)

    def reached(self, *phases: str) -> bool:
        """Whether one of the named phases began."""
        return any(phase.name in phases for phase in self.phases)

    def by_host(self, action: str) -> dict[str, Mapping[str, Any]]:
        """Return the last result of the module `action` for each host."""
        return {result.host: result.data for result in self.results if result.action == action}


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that is kept of a run: what was asked, what happened, how it ended.

    `words` are those of the request that may be shown and kept.
    """

    run: str
    request: Request
    words: Mapping[str, Any]
    started: datetime
    ended: datetime
    part: Part
    recovery: Part | None = None
    exit_code: int = 0
    headline: str = ""
    advice: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Fold:
    """Builds a Part from the events of one run of a playbook."""

    def __init__(self, expected: tuple[str, ...]) -> None:
        self.phases = Phases()
        self._expected = expected
        self._failures: list[Failed] = []
        self._results: list[Result] = []
        self._lines: list[str] = []
        self._ended: Ended | None = None

    def add(self, event: Event) -> None:
        """Take `event` into account."""
        self.phases.add(event)
        if isinstance(event, HostResult):
            self._add_result(event)
        elif isinstance(event, Line) and event.text:
            self._lines.append(event.text)
        elif isinstance(event, NoHosts):
            self._lines.append(f"no host matched the play {event.play}")
        elif isinstance(event, Ended):
            self._ended = event
            self._forget_rescued(event)

    def part(self, *, code: int | None, stopped: bool = False, problems: tuple[str, ...] = ()) -> Part:
        """Return what came of the run, which ended with ansible-playbook's exit `code`."""
        processed = self._ended.processed if self._ended else frozenset()
        return Part(
            phases=tuple(self.phases.known.values()),
            failures=tuple(self._failures),
            results=tuple(self._results),
            missing=tuple(host for host in self._expected if host not in processed),
            processed=tuple(sorted(processed)),
            code=code,
            stopped=stopped,
            completed=self._ended is not None,
            lines=tuple(self._lines[-_KEPT_LINES:]),
            problems=problems,
        )

    def _add_result(self, event: HostResult) -> None:
        if event.result:
            self._results.append(Result(event.host, event.phase, event.action, event.result))
        # What ends a rescue or a wave repeats in its message what failed before.
        echo = event.action in ECHOING and bool(self._failures)
        if event.failure is not None and not event.ignored and not echo:
            self._failures.append(Failed(event.host, event.phase, event.task, event.failure))

    def _forget_rescued(self, end: Ended) -> None:
        """A task that failed in a rescued block is no failure of its host: Ansible's own count decides."""
        bad = end.failed | end.unreachable
        self._failures = [failed for failed in self._failures if failed.host in bad]


def facts(part: Part) -> dict[str, Any]:
    """Return what a reader asks first: which release, of which commit, instead of which, with which backup."""
    found: dict[str, Any] = {}
    for name, phase, path in _FACTS:
        for result in part.results:
            value: Any = result.data if result.phase == phase else None
            for key in path:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value and not (name in found and _is_beside(result)):
                found[name] = value  # the last word counts: a backup is pending first, and proved later
    return found


def _is_beside(result: Result) -> bool:
    """Whether it is the backup of an application host's files, which no reader takes for that of the database."""
    return result.data.get("database") == {}


def document(report: Report) -> dict[str, Any]:
    """Return the report as the JSON document that is kept."""
    return {
        "format": FORMAT,
        "run": report.run,
        "exit_code": report.exit_code,
        "headline": report.headline,
        "advice": list(report.advice),
        **{name: value for name, value in report.words.items() if value},
        "started": report.started.isoformat(),
        "ended": report.ended.isoformat(),
        "seconds": round((report.ended - report.started).total_seconds(), 1),
        "facts": dict(report.facts),
        **_part(report.part),
        "recovery": _part(report.recovery) if report.recovery else None,
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "ansible_exit_code": part.code,
        "stopped": part.stopped,
        "hosts": list(part.processed),
        "missing_hosts": list(part.missing),
        "phases": [_phase(phase) for phase in part.phases],
        "failures": [{**dataclasses.asdict(failed), "failure": told(failed.failure)} for failed in part.failures],
        "results": [dataclasses.asdict(result) for result in part.results],
        "lines": list(part.lines) if not part.good else [],
        "problems": list(part.problems),
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "started": phase.started.isoformat(),
        "ended": phase.ended.isoformat(),
        "seconds": round(phase.seconds, 2),
        "rounds": phase.rounds,
        "hosts": {name: host.status for name, host in sorted(phase.hosts.items())},
    }


def told(failure: Failure) -> dict[str, str]:
    """Return a failure under the names that the modules of this project use for it."""
    return {
        "class": failure.kind,
        "what": failure.what,
        "where": failure.where,
        "why": failure.why,
        "next": failure.next_step,
    }

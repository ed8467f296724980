"""What happened? Turns ansible-runner's raw event into one of a few typed facts; pure, unknown kinds become Other."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from namaskah_deploy import failure, shape
from namaskah_deploy.failure import Failure
from namaskah_deploy.foreign import inert

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LINES = frozenset({"verbose", "error", "warning", "deprecated", "system_warning"})
SPEC_CHECK = "validate_argument_spec"
"""The task with which each role begins that has an argument spec; it belongs to no phase unless it fails."""
_ONLY_HERE = frozenset(
    {"assert", "debug", "fail", "include_role", "include_tasks", "meta", "set_fact", SPEC_CHECK}
    | {"namaskah_resolve", "namaskah_status", "namaskah_target"},
)
"""Actions that change no host: a run that is stopped when one begins interrupts no work."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Anything that happened, `at` a moment in UTC."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class PlayStarted(Event):
    """A play began."""

    play: str


@dataclass(frozen=True, kw_only=True)
class TaskStarted(Event):
    """A task began; `phase` is its role, or the play where the task is in no role."""

    phase: str
    task: str
    action: str

    @property
    def safe(self) -> bool:
        """Whether a run may be stopped as this task begins."""
        return self.action in _ONLY_HERE


@dataclass(frozen=True, kw_only=True)
class HostStarted(Event):
    """A host began a task."""

    phase: str
    task: str
    action: str
    host: str


@dataclass(frozen=True, kw_only=True)
class HostResult(Event):
    """A host ended a task: `status` is ok, changed, skipped, failed or unreachable.

    `result` is what a module of ours reports, `ignored` says that the playbook expected the failure.
    """

    phase: str
    task: str
    action: str
    host: str
    status: str
    seconds: float
    result: Mapping[str, Any] | None = None
    failure: Failure | None = None
    ignored: bool = False


@dataclass(frozen=True, kw_only=True)
class Retry(Event):
    """A task is tried again on a host; `why` is what a module of ours said of the last try."""

    phase: str
    task: str
    action: str
    host: str
    attempt: int
    attempts: int
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Line(Event):
    """A line that Ansible wrote outside of any task: warnings, and every error before the first play."""

    text: str


@dataclass(frozen=True, kw_only=True)
class NoHosts(Event):
    """A play found no host."""

    play: str


@dataclass(frozen=True, kw_only=True)
class Ended(Event):
    """The playbook ended; hosts with the count of each outcome."""

    processed: frozenset[str] = field(default_factory=frozenset)
    failed: frozenset[str] = field(default_factory=frozenset)
    unreachable: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, kw_only=True)
class Other(Event):
    """An event that nobody here needs."""

    name: str


def parse(raw: Mapping[str, Any]) -> Event:
    """Return the fact that the raw event `raw` tells; no text in it can act on a terminal."""
    at = _moment(raw.get("created"))
    name = str(raw.get("event", ""))
    data = raw.get("event_data")
    data = inert(data) if isinstance(data, Mapping) else {}
    if name in _LINES:
        return Line(at=at, text=inert(_ESCAPES.sub("", str(raw.get("stdout", ""))).strip("\r\n")))
    if name == "playbook_on_stats":
        return _ended(at, data)
    if name == "playbook_on_play_start":
        return PlayStarted(at=at, play=str(data.get("name", "")))
    if name == "playbook_on_no_hosts_matched":
        return NoHosts(at=at, play=str(data.get("play", "")))
    if "task" in data:
        return _of_task(name, at, data)
    return Other(at=at, name=name)


def _of_task(name: str, at: datetime, data: Mapping[str, Any]) -> Event:
    phase = str(data.get("role") or data.get("play") or "")
    task = str(data.get("task", ""))
    action = str(data.get("resolved_action") or data.get("task_action") or "").rpartition(".")[2]
    host = str(data.get("host", ""))
    if name == "playbook_on_task_start":
        return TaskStarted(at=at, phase=phase, task=task, action=action)
    if name == "runner_on_start" and action != SPEC_CHECK:
        return HostStarted(at=at, phase=phase, task=task, action=action, host=host)
    if name == "runner_retry":
        result = _result(data)
        return Retry(
            at=at,
            phase=phase,
            task=task,
            action=action,
            host=host,
            attempt=_count(result.get("attempts")),
            attempts=_count(result.get("retries")),
            why=_said(result),
        )
    status = _status(name, data)
    if not status or (action == SPEC_CHECK and status != "failed"):
        return Other(at=at, name=name)
    result = _result(data)
    reported = result.get("result")
    bad = status in ("failed", "unreachable")
    return HostResult(
        at=at,
        phase=phase,
        task=task,
        action=action,
        host=host,
        status=status,
        seconds=float(data.get("duration") or 0),
        result=shape.of_result(action, reported) if isinstance(reported, Mapping) else None,
        failure=failure.read(result, host=host, task=task, unreachable=status == "unreachable") if bad else None,
        ignored=bool(data.get("ignore_errors")),
    )


def _result(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the host answered, which may be anything."""
    result = data.get("res")
    return result if isinstance(result, Mapping) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _said(result: Mapping[str, Any]) -> str:
    told = result.get("failure")
    return str(told.get("why", "")) if isinstance(told, Mapping) else ""


def _status(name: str, data: Mapping[str, Any]) -> str:
    if name == "runner_on_ok":
        return "changed" if _result(data).get("changed") else "ok"
    return {"runner_on_failed": "failed", "runner_on_unreachable": "unreachable", "runner_on_skipped": "skipped"}.get(
        name, ""
    )


def _ended(at: datetime, data: Mapping[str, Any]) -> Ended:
    return Ended(
        at=at,
        processed=frozenset(data.get("processed") or ()),
        failed=frozenset(data.get("failures") or ()),
        unreachable=frozenset(data.get("dark") or ()),
    )


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

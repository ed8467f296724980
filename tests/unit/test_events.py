"""Recorded streams of ansible-runner as typed events."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from namaskah_deploy import events
from namaskah_deploy.events import Ended, HostResult, Line, NoHosts, Other, TaskStarted
from tests.support.command_line.streams import CODES, raw, typed


@pytest.mark.parametrize("name", CODES)
def test_every_recorded_event_is_understood(name: str) -> None:
    unknown = {event.name for event in typed(name) if isinstance(event, Other)}
    assert unknown <= {
        "playbook_on_start",
        "playbook_on_include",
        "runner_on_start",
        "runner_on_ok",
        "playbook_on_task_start",
    }


def _phases(name: str) -> list[str]:
    started = [event for event in typed(name) if isinstance(event, TaskStarted) and event.action != "fail"]
    return list(dict.fromkeys(event.phase for event in started))


def test_a_phase_is_the_role_of_a_task() -> None:
    forward = ["resolve", "lock", "preparation", "activation", "verification"]
    assert _phases("ok") == [*forward, "confirmation", "finish"]
    assert _phases("failed") == [*forward, "recovery"]


def test_what_our_modules_report_comes_through() -> None:
    told = [event for event in typed("ok") if isinstance(event, HostResult) and event.result]
    assert {(event.host, event.action, event.status) for event in told} == {
        (host, action, "changed") for host in ("web1", "web2") for action in ("namaskah_activate", "namaskah_confirm")
    }
    assert told[0].result == {"release": "new", "from": "old"}


def test_a_failure_is_read_out_of_its_result() -> None:
    told = [event for event in typed("failed") if isinstance(event, HostResult) and event.failure]
    first = told[0]
    assert (first.host, first.phase, first.status) == ("web2", "activation", "failed")
    assert first.failure is not None
    assert (first.failure.kind, first.failure.why) == ("unhealthy", "it answered 500")


def test_a_lost_host() -> None:
    (lost,) = [event for event in typed("unreachable") if isinstance(event, HostResult) and event.failure]
    assert (lost.host, lost.status) == ("web2", "unreachable")
    assert lost.failure is not None
    assert lost.failure.kind == "unreachable"
    (end,) = [event for event in typed("unreachable") if isinstance(event, Ended)]
    assert end.unreachable == {"web2"}


def test_a_wrong_argument_is_a_failure_of_its_phase() -> None:
    told = [event for event in typed("bad_argument") if isinstance(event, HostResult)]
    assert {(event.phase, event.failure.kind if event.failure else "") for event in told} == {("preflight", "refused")}


def test_a_play_without_hosts() -> None:
    assert [event.play for event in typed("no_hosts") if isinstance(event, NoHosts)] == ["Speak to nobody"]


def test_errors_before_the_first_play_are_lines_without_escapes() -> None:
    text = "\n".join(event.text for event in typed("broken") if isinstance(event, Line))
    assert "missing.yml" in text
    assert "\x1b" not in text


def test_a_run_may_be_stopped_as_a_task_begins_that_touches_no_host() -> None:
    safe = {event.action: event.safe for event in typed("ok") if isinstance(event, TaskStarted)}
    assert safe == {"include_tasks": True, "assert": True, "raw": False} | {
        "namaskah_activate": False,
        "namaskah_confirm": False,
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T21:00:00.500000+00:00", datetime(2026, 11, 23, 21, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-23T21:00:00", datetime(2026, 11, 23, 21, tzinfo=UTC)),
    ],
)
def test_moments_are_in_utc(text: str, moment: datetime) -> None:
    assert events.parse({"event": "verbose", "created": text}).at == moment


@pytest.mark.parametrize("event", [{}, {"event": "odd", "event_data": None}, {"event": "verbose", "created": "never"}])
def test_a_strange_event_is_no_error(event: dict[str, object]) -> None:
    assert events.parse(event).at.tzinfo is UTC


def test_nothing_of_the_raw_event_survives_but_what_is_named() -> None:
    """Task arguments and ansible's own output stay behind: a secret in them goes no further."""
    event = next(event for event in raw("ok") if event["event"] == "runner_on_ok")
    event["event_data"]["task_args"] = event["stdout"] = event["event_data"]["res"]["invocation"] = "sentinel"
    assert "sentinel" not in repr(events.parse(event))

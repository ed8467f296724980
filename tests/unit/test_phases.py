"""Recorded streams folded into phases."""

from __future__ import annotations

from namaskah_deploy.phases import Phases
from tests.support.command_line.streams import typed


def _fold(name: str) -> Phases:
    phases = Phases()
    for event in typed(name):
        phases.add(event)
    return phases


def _hosts(phases: Phases, name: str) -> dict[str, str]:
    return {host: state.status for host, state in phases.known[name].hosts.items()}


def test_phases_stand_in_the_order_in_which_they_began() -> None:
    assert list(_fold("ok").known) == [
        "resolve",
        "lock",
        "preparation",
        "activation",
        "verification",
        "confirmation",
        "finish",
    ]


def test_a_rolling_phase_is_one_phase_with_as_many_rounds_as_waves() -> None:
    phases = _fold("ok").known
    assert (phases["activation"].rounds, phases["preparation"].rounds) == (2, 1)
    assert _hosts(_fold("ok"), "activation") == {"web1": "changed", "web2": "changed"}


def test_seconds_count_only_the_time_in_the_phase() -> None:
    phases = _fold("ok").known.values()
    whole = max(phase.ended for phase in phases) - min(phase.started for phase in phases)
    assert 0 < sum(phase.seconds for phase in phases) <= whole.total_seconds() + 0.1
    activation = _fold("ok").known["activation"]
    assert activation.seconds < (activation.ended - activation.started).total_seconds()


def test_the_worst_result_of_a_host_is_its_status() -> None:
    phases = _fold("failed")
    assert _hosts(phases, "activation") == {"web1": "changed", "web2": "failed"}
    assert phases.known["activation"].failed
    assert not phases.known["preparation"].failed


def test_the_fail_that_ends_a_rescue_is_no_phase_and_no_failure() -> None:
    phases = _fold("failed")
    assert list(phases.known)[-1] == "recovery"
    assert not phases.known["recovery"].failed


def test_a_lost_host() -> None:
    phases = _fold("unreachable")
    assert _hosts(phases, "resolve")["web2"] == "ok"  # what needs no connection still ran there
    assert "unreachable" in {status for phase in phases.known for status in _hosts(phases, phase).values()}


def test_a_check_of_arguments_begins_a_phase_only_when_it_fails() -> None:
    assert _hosts(_fold("bad_argument"), "preflight") == {"web1": "failed", "web2": "failed"}

"""Where does a run stop that an operator interrupts at a terminal, and what is said of a fleet that was left split?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

from namaskah_deploy.outcome import Code
from tests.support.faults.fleet import NAMES, Fleet, await_true, fleet_in
from tests.support.faults.plugin import FaultLog
from tests.support.terminal import HIDDEN

CTRL_C = "\x03"
FIRST, LAST = NAMES


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, str]]:
    """A fleet with a release, and its commit: every run here ends with it again."""
    with fleet_in(tmp_path_factory.mktemp("interrupted")) as fleet:
        commit = fleet.hosts[FIRST].commit("good")
        assert fleet.run("deploy", "small", "--ref", commit) == 0, fleet.said()
        yield fleet, commit


def told(fleet: Fleet, host: str) -> list[dict[str, Any]]:
    """Return what a host's journal says of the newest run that it knows."""
    lines = (fleet.hosts[host].contract.root / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return [entry for entry in entries if entry["run"] == entries[-1]["run"]]


@dataclass(frozen=True)
class Moment:
    """When the key is pressed: as a host's journal first says so of this run."""

    host: str
    act: str
    phase: str = ""

    def has_come(self, fleet: Fleet, known: str) -> bool:
        """Whether a run after the one that is `known` has come so far."""
        return any(
            entry["run"] != known and entry["act"] == self.act and entry.get("phase", self.phase) == self.phase
            for entry in told(fleet, self.host)
        )


NOTHING, RETURNED = "nothing was switched", "interrupted, and returned"
BEING_PREPARED = Moment(LAST, "began", "prepare")


@pytest.mark.parametrize(
    ("keys", "moment", "said"),
    [
        pytest.param(1, BEING_PREPARED, NOTHING, id="once, being prepared", marks=pytest.mark.soak),
        pytest.param(1, Moment(FIRST, "switched"), RETURNED, id="once, between waves"),
        pytest.param(2, BEING_PREPARED, NOTHING, id="twice, being prepared", marks=pytest.mark.soak),
        pytest.param(2, Moment(LAST, "began", "verify"), RETURNED, id="twice, all switched", marks=pytest.mark.soak),
    ],
)
@pytest.mark.fault("controller interrupted", ends="returned", where="Ctrl-C at the terminal, real playbooks")
def test_ctrl_c_stops_and_returns(
    released: tuple[Fleet, str], fault_log: FaultLog, keys: int, moment: Moment, said: str
) -> None:
    """Once: at the next safe point, and it says so. Twice: at once. Nothing is left at work or held anywhere."""
    fault_log.ended("returned" if said == RETURNED else "cleaned up")
    fleet, old = released
    new = fleet.hosts[FIRST].commit("good")
    known = told(fleet, moment.host)[-1]["run"]
    at = fleet.at_terminal("deploy", "small", "--ref", new)
    at.wait_for(HIDDEN)
    assert await_true(lambda: bool(at.read()) and moment.has_come(fleet, known), at.process), at.seen[-3000:]
    below = psutil.Process(at.process.pid).children(recursive=True)
    at.type(CTRL_C)
    at.wait_for("Stopping as soon as the running step is over")
    if keys > 1:
        at.type(CTRL_C)
        at.wait_for("Stopping now")
    assert at.end() == Code.INTERRUPTED, at.seen[-5000:]
    assert said in at.seen, at.seen[-5000:]
    assert [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
    assert {entry["act"] for entry in told(fleet, FIRST)} >= {"lease taken", "lease released"}
    fleet.at_rest_with(old)


@pytest.mark.fault("drift: hosts differ", ends="new release")
def test_hosts_that_differ_are_told_and_made_one_by_name(released: tuple[Fleet, str]) -> None:
    """One host is released alone: the fleet is split, until a release is told to make it one."""
    fleet, old = released
    new = fleet.hosts[FIRST].commit("good")
    assert fleet.run("deploy", "small", "--ref", new, "--limit", FIRST) == 0, fleet.said()
    assert (fleet.live(FIRST), fleet.live(LAST)) == (new, old)
    assert fleet.run("status", "small") == Code.CHECKS_FAILED
    assert "serve different releases" in " ".join(fleet.said().split())
    assert fleet.run("deploy", "small", "--ref", new) == Code.FAILED, fleet.said()
    assert "[drift-hosts]" in fleet.said()
    assert fleet.run("deploy", "small", "--ref", new, "--allow", "drift-hosts") == 0, fleet.said()
    fleet.at_rest_with(new)
    assert fleet.run("status", "small") == Code.DONE, fleet.said()

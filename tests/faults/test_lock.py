"""Is a lease waited for, told of and given back by the commands, and do runs that cross each other both end?

Two hosts are folders here (tests/support/faults/fleet.py); playbooks, modules and the command line are the real ones.
"""

from __future__ import annotations

import time

import pytest
from ansible.module_utils.namaskah_host import lease

from tests.support.faults.fleet import NAMES, Fleet, await_true

HELD, DONE = 7, 0
WHY = "incident 4711, ask Ada"


def holders(fleet: Fleet) -> list[str]:
    """Return who holds each host, or ""."""
    found = [lease.recorded(fleet.hosts[name].contract) for name in NAMES]
    return [str(one["run"]) if one else "" for one in found]


@pytest.mark.soak
def test_a_hold_is_told_waited_for_and_given_back(fleet: Fleet) -> None:
    """One release does not wait long enough; the other waits until the operator lets go, and names him meanwhile."""
    commit = fleet.hosts[NAMES[0]].commit("good")
    assert fleet.run("lock", "acquire", "small", "-m", WHY) == DONE, fleet.said()
    held = holders(fleet)
    assert held[0]
    assert held[0] == held[1]
    assert fleet.run("lock", "status", "small") == DONE, fleet.said()
    said = " ".join(fleet.said().split())
    assert all(name in said for name in NAMES)
    assert WHY in said
    assert fleet.run("deploy", "small", "--ref", commit, "--lock-wait", "5") == HELD, fleet.said()
    assert WHY in fleet.said()
    assert holders(fleet) == held
    assert not any(fleet.live(name) for name in NAMES)
    running = fleet.start("deploy", "small", "--ref", commit, "--lock-wait", "120")
    assert await_true(lambda: WHY in fleet.said(), running), fleet.said()
    released = fleet.folder / "released.txt"
    letting_go = fleet.start("lock", "release", "small", output=released)
    assert letting_go.wait(timeout=120) == DONE, released.read_text()
    assert running.wait(timeout=600) == DONE, fleet.said()
    fleet.at_rest_with(commit)
    assert fleet.run("lock", "status", "small") == DONE, fleet.said()
    assert WHY not in fleet.said()


@pytest.mark.soak
@pytest.mark.fault("two runs at once", ends="refused", where="their limits cross")
def test_runs_whose_limits_cross_neither_lock_nor_strand_each_other(fleet: Fleet) -> None:
    """One of both hosts and one of the second alone: whoever got the first host it needs first."""
    commits = [fleet.hosts[NAMES[0]].commit("good") for _ in range(2)]
    for turn in range(2):
        limits = [",".join(NAMES), NAMES[1]] if turn == 0 else [NAMES[1], ",".join(NAMES)]
        outputs = [fleet.folder / f"{turn}-{one}.txt" for one in range(2)]
        running = [
            fleet.start("deploy", "small", "--ref", commit, "--limit", limit, "--allow", "drift-hosts", output=output)
            for commit, limit, output in zip(commits, limits, outputs, strict=True)
        ]
        begin = time.monotonic()
        codes = [one.wait(timeout=600) for one in running]
        said = [output.read_text() for output in outputs]
        assert set(codes) <= {DONE, HELD}, said
        assert DONE in codes, said
        assert all("lease" in text for code, text in zip(codes, said, strict=True) if code == HELD)
        assert time.monotonic() - begin < 500
        assert holders(fleet) == ["", ""]
        fleet.settle()

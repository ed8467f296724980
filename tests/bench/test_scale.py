"""What does one host more cost? The real playbooks over fleets of growing size, on this machine alone.

"Here" is the controller's processor time; "there" is that of modules and what they call, which real hosts have of their
own. Results: docs/explanation/scale.md.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.many_hosts import Cost, Fleet

pytestmark = pytest.mark.bench

MORE = '{"namaskah_ref": "main", "namaskah_allow": ["drift-hosts"]}'  # a part of the fleet is ahead of the rest

READING = tuple(int(word) for word in os.environ.get("SCALE_READING", "10,50,100").split(","))
RELEASING = tuple(int(word) for word in os.environ.get("SCALE_RELEASING", "2,6,12").split(","))


@pytest.fixture
def fleet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """As many hosts as the largest measurement needs."""
    with tempfile.TemporaryDirectory(prefix="nf-", dir="/tmp") as runtime:
        made = Fleet(tmp_path, Path(runtime), int(request.param))
        made.commit(1)
        try:
            yield made
        finally:
            made.end()


def told(what: str, costs: dict[int, Cost]) -> None:
    """Print each size, and the slope between two neighbours: what one host more costs."""
    for count, cost in costs.items():
        print(f"{what}: {count} hosts: {cost}")
    for (few, less), (many, cost) in pairwise(costs.items()):
        print(f"{what}: from {few} to {many}, for each host more: {cost.over(less, many - few)}")
    print(f"{what}: load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


@pytest.mark.parametrize("fleet", [max(READING)], indirect=True)
@pytest.mark.parametrize("playbook", ["status", "plan"])
def test_reading_grows_by_the_host(fleet: Fleet, playbook: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`status` is one module on each host, `plan` is the whole preflight; no host has a release yet."""
    costs = {count: fleet.play(playbook, count=count) for count in READING}
    with capsys.disabled():
        told(playbook, costs)


@pytest.mark.parametrize("fleet", [max(RELEASING)], indirect=True)
def test_releasing_grows_by_the_host(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """All hosts have a release; then ever more of them get another one, in one wave."""
    fleet.supervise()
    first = fleet.play("deploy", "-e", "namaskah_ref=main")
    with capsys.disabled():
        print(
            f"\nfirst release of {max(RELEASING)} hosts: {first}; unconfirmed {fleet.unconfirmed(max(RELEASING)):.0f} s"
        )
    costs, unconfirmed = {}, {}
    for number, count in enumerate(RELEASING, start=2):
        fleet.commit(number)
        costs[count] = fleet.play("deploy", "-e", MORE, count=count)
        unconfirmed[count] = fleet.unconfirmed(count)
    with capsys.disabled():
        told("release", costs)
        for count, seconds in unconfirmed.items():
            print(
                f"release: {count} hosts: the longest time from a host's switch to its confirmation was {seconds:.0f} s"
            )
    assert all((fleet.root(name) / "current" / ".namaskah").exists() for name in fleet.names)

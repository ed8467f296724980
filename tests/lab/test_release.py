"""Is an application released and rolled back on two hosts, under load, without one failed request?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.lab.application import Application
from tests.support.lab.interrupted import settled, wait_until
from tests.support.lab.loads import under_load
from tests.support.lab.times import USUAL
from tests.support.load import Load, Rates, Report
from tests.support.project import ROOT

pytestmark = pytest.mark.lab

PAIRS = 1
SOAK_PAIRS = int(os.environ.get("SOAK_PAIRS", "12"))
SOAK_RATE = 25
# The same for static files alone, which cost no login: by them a soak comes to large counts.
SOAK_STATIC = float(os.environ.get("SOAK_STATIC", "0"))
SECONDS_A_PAIR = 180  # an upper bound, so that the load lasts
LONGEST_GAP = 250  # milliseconds between two answers, asserted in the soak: with nothing beside it


def pairs(
    application: Application, count: int, rates: Rates | None = None, after: Callable[[], None] = lambda: None
) -> list[Report]:
    """Release and roll back so many times under load; assert that it went as it should, and return what clients saw.

    `after` is called after each release.
    """

    def work(first: Load, second: Load) -> None:
        for number in range(count):
            for load in (first, second):
                load.mark(f"pair {number}")
            done = application.deploy("v1.1.0")
            assert done.returncode == 0, done.stdout[-6000:]
            assert set(application.live_tags().values()) == {"v1.1.0"}
            after()
            done = application.rollback("v1.0.0")
            assert done.returncode == 0, done.stdout[-6000:]
            assert set(application.live_tags().values()) == {"v1.0.0"}

    reports = under_load(application, work, rates, seconds=1800 + SECONDS_A_PAIR * count)
    for report in reports:
        assert report.failed == 0, str(report)
        assert len(report.release_sequence) == 2 * count + 1, str(report)
    return reports


def left_on(application: Application, name: str) -> str:
    """What a release leaves on a host, when the instance of before has ended."""
    wait_until(lambda: settled(application, application.lab.hosts[name]), 60)
    return application.fingerprint(name)


@pytest.fixture(scope="module")
def left_by_the_playbook(dashboard: Application) -> str:
    """Everything that a release by plain ansible-playbook leaves on a host; it went as it should, and back again."""
    left: list[str] = []
    pairs(dashboard, PAIRS, after=lambda: left.append(left_on(dashboard, "app1")))
    return left[0]


def test_pairs_of_release_and_rollback_fail_no_request(left_by_the_playbook: str) -> None:
    """HTTP, client keep-alive, POST, slow requests, old assets and WebSockets see nothing of releases."""
    assert "manage.py" in left_by_the_playbook, "this is no release"


def test_the_command_line_leaves_the_same_state(dashboard: Application, left_by_the_playbook: str) -> None:
    """Everything that the two ways leave on a host is equal, but for names, times and who did it."""
    done = dashboard.cli("lab", "--ref", "v1.1.0", "--yes")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert set(dashboard.live_tags().values()) == {"v1.1.0"}
    assert left_on(dashboard, "app1") == left_by_the_playbook


@pytest.mark.soak
def test_many_pairs_and_a_row_in_the_table(dashboard: Application) -> None:
    """The same, many times; what was measured becomes a dated row in docs/soak.md."""
    begin, rates = time.monotonic(), Rates.of_total(SOAK_RATE)
    rates = replace(rates, static=rates.static + SOAK_STATIC)
    reports = pairs(dashboard, SOAK_PAIRS, rates)
    minutes = (time.monotonic() - begin) / 60
    row = [
        time.strftime("%Y-%m-%d", time.gmtime()),
        f"{SOAK_PAIRS} pairs, {len(reports)} hosts, {rates.total():.0f} requests a second each",
        sum(report.sent for report in reports),
        sum(report.failed for report in reports),
        f"{max(report.longest_gap_ms for report in reports):.0f}",
        sum(report.websockets.closed for report in reports),
        f"{min(report.websockets.share_back for report in reports):.1%}",
        sum(report.ledger.acknowledged for report in reports),
        sum(report.ledger.duplicates + report.ledger.missing for report in reports),
        f"{minutes:.0f}",
    ]
    with (ROOT / "docs" / "soak.md").open("a") as table:
        table.write(f"| {' | '.join(str(cell) for cell in row)} |\n")
    for report in reports:
        assert report.longest_gap_ms - report.own_stall_ms <= LONGEST_GAP, str(report)
        assert report.websockets.closed > 0, str(report)
        assert report.websockets.share_back >= 0.999, str(report)


def test_a_plain_restart_fails_requests(dashboard: Application) -> None:
    """The mode without a second instance has a gap, and the same load must see it: else it would see nothing."""
    dashboard.write(namaskah_switch="restart")

    def once(_first: Load, _second: Load) -> None:
        done = dashboard.rollback("v1.0.0")
        assert done.returncode == 0, done.stdout[-6000:]

    dashboard.have_live("v1.1.0")
    try:
        assert all(report.failed > 0 for report in under_load(dashboard, once))
    finally:
        dashboard.write(namaskah_switch="overlap")


@pytest.mark.fault("host unreachable during", ends="returned")
def test_a_host_lost_after_the_first_switch_brings_the_fleet_back(dashboard: Application) -> None:
    """One host at a time; the second is cut off when the first has switched: the first must be back on the old one."""
    dashboard.have_live("v1.0.0")
    short = {"namaskah_confirm_timeout": 20, "namaskah_wave_seconds": 10, "namaskah_host_seconds": 0}
    dashboard.write(namaskah_waves=1, namaskah_allow=["times"], **short)  # shorter than its worker may take to stop
    before = dashboard.live_tags()
    first, second = dashboard.lab.group("app")
    try:
        running = dashboard.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes")
        dashboard.await_act(first, "switched", running)
        second.cut_network(silent=True)
        output = dashboard.end(running)
    finally:
        second.restore_network()
        dashboard.write(namaskah_waves="100%", **USUAL)
    assert running.returncode == 4, output
    assert second.name in output
    assert dashboard.record(first.name)["tag"] == before[first.name], output
    dashboard.cli("recover", "lab", "--yes", "--allow", "take-over")
    assert dashboard.live_tags() == before

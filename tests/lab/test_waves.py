"""Is the fleet on one release after a host ended badly in its wave, or split exactly as a policy allowed?

Two hosts, one wave each; the second one meets trouble when the first has switched. For each class of failure.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.lab.application import Application, environment
from tests.support.lab.host import Host
from tests.support.lab.interrupted import settled, wait_until
from tests.support.lab.loads import no_request_fails
from tests.support.project import ROOT

pytestmark = pytest.mark.lab

USUAL: dict[str, Any] = {"namaskah_waves": "100%", "namaskah_on_failure": {}, "namaskah_quorum": "100%",
                         "namaskah_step_timeout": 120, "namaskah_confirm_timeout": 180}  # fmt: skip
AGAIN = ("--allow", "bad-release", "--yes")


@pytest.fixture
def fleet(dashboard: Application) -> Iterator[Application]:
    """The dashboard, one host a wave; afterwards both hosts have v1.0.0 again."""
    dashboard.write(namaskah_waves=1)
    yield dashboard
    dashboard.write(**USUAL)
    if set(dashboard.live_tags().values()) != {"v1.0.0"}:
        done = dashboard.rollback("v1.0.0", "-e", '{"namaskah_allow": ["bad-release"]}')
        assert done.returncode == 0, done.stdout[-6000:]


def policy(**classes: str) -> dict[str, str]:
    """Return the policies: return, but for these classes."""
    return {**dict.fromkeys(("unreachable", "failed", "unhealthy", "timed_out"), "return"), **classes}


@contextmanager
def unreadable_settings(fleet: Application, host: Host) -> Iterator[None]:
    """Have an environment file that no service can start with; owner and mode stay, for preflight looks at them."""
    file = f"{fleet.root}/shared/.env"
    host.run(["cp", "--preserve", file, f"{file}.kept"])
    host.run(["sh", "-c", 'echo "this is no setting" >>"$0"', file])
    try:
        yield
    finally:
        host.run(["mv", f"{file}.kept", file])


def at_rest(fleet: Application, *tags: str) -> None:
    """Assert that each host serves the release of its tag, and has nothing unfinished in hand."""
    for host, tag in zip(fleet.lab.group("app"), tags, strict=True):
        wait_until(lambda host=host: settled(fleet, host), 90)  # type: ignore[misc]
        record = fleet.record(host.name)
        assert (record["tag"], record["state"]) == (tag, "live")
        assert record["id"] in host.run(["curl", "-sf", "--max-time", "20", "http://127.0.0.1/healthz"]).stdout


def late_returns(fleet: Application, host: Host) -> int:
    """Return how often this host has returned by itself; earlier tests may have let it."""
    return host.read(f"{fleet.root}/journal.jsonl").count('"why": "not confirmed within its time"')


def mended(fleet: Application, *hosts: Host, tag: str) -> None:
    """Do what the run's last words say; then both hosts have one release."""
    done = fleet.cli("recover", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    names = ",".join(host.name for host in hosts)
    done = fleet.cli("deploy", "lab", "--ref", tag, "--limit", names, *AGAIN)
    assert done.returncode == 0, done.stdout + done.stderr
    at_rest(fleet, tag, tag)


@pytest.mark.fault("release: start refused by itself", ends="returned", where="second wave")
def test_a_failure_in_the_second_wave_brings_the_first_back_at_once(fleet: Application) -> None:
    """By plain ansible-playbook, long before the first host's own deadline; no request fails on either host."""
    first, second = fleet.lab.group("app")
    late = late_returns(fleet, first)
    with no_request_fails(first, second):
        running = subprocess.Popen(
            fleet.command("deploy", "-e", "namaskah_ref=v1.1.0"), cwd=ROOT, env=environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        fleet.await_act(first, "switched", running, seconds=600)
        begin = time.monotonic()
        with unreadable_settings(fleet, second):
            output = fleet.end(running)
        took = time.monotonic() - begin
        assert running.returncode == 2, output[-5000:]
        assert f"{second.name} (unhealthy)" in " ".join(output.split()), output[-5000:]
        at_rest(fleet, "v1.0.0", "v1.0.0")
    assert late_returns(fleet, first) == late, f"it waited for its own deadline: {took:.0f} s"


@pytest.mark.fault("release: start refused by itself", ends="named", where="second wave, by quorum")
def test_a_quorum_goes_on_without_an_unhealthy_host(fleet: Application) -> None:
    """It is left out and named, with the command that mends it; the exit code says done and incomplete."""
    first, second = fleet.lab.group("app")
    fleet.write(namaskah_on_failure=policy(unhealthy="quorum"), namaskah_quorum=1)
    with no_request_fails(first, second):
        running = fleet.start_cli("deploy", "lab", "--ref", "v1.1.0", *AGAIN)
        fleet.await_act(first, "switched", running, seconds=600)
        with unreadable_settings(fleet, second):
            output = fleet.end(running)
        assert running.returncode == 9, output
        assert f"without {second.name}" in output
        assert f"--limit {second.name}" in output
        at_rest(fleet, "v1.1.0", "v1.0.0")
        mended(fleet, second, tag="v1.1.0")


@pytest.mark.fault("host unreachable during", ends="named", where="second wave, by quorum")
def test_a_quorum_goes_on_without_a_lost_host_which_heals(fleet: Application) -> None:
    """Cut off in its wave: the first host is made final. The lost one keeps serving the old release: a named split."""
    first, second = fleet.lab.group("app")
    fleet.write(namaskah_on_failure=policy(unreachable="quorum"), namaskah_quorum="50%")
    try:
        with no_request_fails(first):
            running = fleet.start_cli("deploy", "lab", "--ref", "v1.1.0", *AGAIN)
            fleet.await_act(first, "switched", running, seconds=600)
            second.cut_network(silent=True)
            output = fleet.end(running)
    finally:
        second.restore_network()
    assert running.returncode == 9, output
    assert f"{second.name} (unreachable)" in output
    assert fleet.record(first.name)["tag"] == "v1.1.0"
    mended(fleet, second, tag="v1.1.0")


@pytest.mark.fault("step hangs", ends="returned", where="second wave")
def test_a_step_beyond_its_bound_is_timed_out_and_all_return(fleet: Application) -> None:
    """The second host hangs in its switch: the first is brought back, and what hung does not switch afterwards."""
    first, second = fleet.lab.group("app")
    fleet.write(namaskah_step_timeout=60)
    with no_request_fails(first, second):
        running = fleet.start_cli("deploy", "lab", "--ref", "v1.1.0", *AGAIN)
        fleet.await_act(first, "switched", running, seconds=600)
        second.run(["systemd-run", "--unit=hang", "flock", f"{fleet.root}/switch.lock", "sleep", "100"])
        output = fleet.end(running)
        assert running.returncode in (3, 4), output
        assert "it took longer than 60 s" in output
        done = fleet.cli("recover", "lab", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        at_rest(fleet, "v1.0.0", "v1.0.0")

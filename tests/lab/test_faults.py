"""What happens to the site when the controller, a host or a process dies in the middle of a release?"""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.faults.plugin import FaultLog
from tests.support.lab.application import Application
from tests.support.lab.host import Host
from tests.support.lab.interrupted import (
    consistent,
    kill_all,
    no_lease_is_stranded,
    settled,
    split_of,
    wait_until,
    without_sshd,
)
from tests.support.lab.loads import load_on
from tests.support.lab.times import SHORT, USUAL

pytestmark = pytest.mark.lab


# A run that ends before it could confirm anything: what it switched need not wait long for it.
SOON = {**SHORT, "namaskah_confirm_timeout": 40}
# Records on a host's journal, by which a point of a release is known from outside.
POINTS = ("lease taken", "prepare", "migrate", "activate", "switched", "confirmed")


# A program each would cost more than the release: one asks four times a second, each time on a new connection.
ASK = [
    "stdbuf",
    "-oL",
    "curl",
    "-s",
    "--rate",
    "4/s",
    "--max-time",
    "10",
    "-H",
    "Connection: close",
    "-o",
    "/dev/null",
]
ASK += ["-w", "%{http_code}\n", "http://127.0.0.1/healthz?[1-20000]"]


@contextmanager
def asked_at_home(*hosts: Host) -> Iterator[None]:
    """Ask each host's front from the host itself all the time, for no load gets there; every answer has to be good."""
    said: dict[str, list[str]] = {}

    def ask(host: Host) -> None:
        said[host.name] = host.run(ASK, check=False, timeout=900).stdout.split()

    threads = [threading.Thread(target=ask, args=[host], daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for host in hosts:
            host.run(["pkill", "-x", "curl"])
        for thread in threads:
            thread.join(30)
    for host in hosts:
        assert set(said[host.name]) == {"200"}, Counter(said[host.name])
        assert len(said[host.name]) > 100, said


@pytest.mark.parametrize("alone", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["old too", "alone"])
@pytest.mark.fault("controller killed", ends="returned")
@pytest.mark.fault("process killed: old instance", ends="returned")
def test_a_killed_controller_leaves_no_split_fleet(quick: Application, fault_log: FaultLog, alone: bool) -> None:
    """Kill -9 when the first host has switched: every host is back by itself, and no request was lost.

    The old instance is stopped for good before the return needs it: the return starts it and gates it first.
    """
    quick.write(**SOON)
    before = quick.live_tags()
    first, second = quick.lab.group("app")
    old = first.run(["readlink", f"{quick.root}/current/run"]).stdout.strip().rpartition("/")[2]
    with load_on(first) as one, load_on(second) as two, split_of(quick) as split:
        running = quick.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--allow", "bad-release")
        quick.await_act(first, "switched", running)
        kill_all(running)
        if not alone:
            first.run(["systemctl", "stop", f"dashboard-web@{old}.service"])
        wait_until(lambda: settled(quick, first) and settled(quick, second), 140)
        assert quick.live_tags() == before
    for host in (first, second):
        consistent(quick, host)
    fault_log.site(one.report, two.report)
    for load in (one, two):
        assert load.report is not None
        assert load.report.failed == 0, str(load.report)
    fault_log.split(split.seconds)
    assert split.seconds <= SHORT["namaskah_confirm_timeout"]
    done = quick.cli("recover", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    no_lease_is_stranded(quick)


@pytest.mark.fault("controller loses its network", ends="resumed", where="deploy, first host switched")
@pytest.mark.fault("host slow", ends="new release", where="second host, while the run goes on")
def test_a_run_that_lost_its_network_goes_on_when_it_is_back(quick: Application, fault_log: FaultLog) -> None:
    """No host is reached any more: each returns by itself and serves. Then `status` says so, and `resume` finishes it.

    One host's network is slow then: a release takes longer over it, and is the same.
    """
    quick.write(**SOON)
    hosts = quick.lab.group("app")
    with asked_at_home(*hosts), split_of(quick) as split:
        running = quick.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--allow", "bad-release")
        quick.await_act(hosts[0], "switched", running)
        begin = time.monotonic()
        for host in quick.lab.hosts.values():
            host.lose_controller()
        try:
            wait_until(lambda: all(settled(quick, host) for host in hosts), SOON["namaskah_confirm_timeout"] + 60)
            output = quick.end(running)
            outage = time.monotonic() - begin
        finally:
            for host in quick.lab.hosts.values():
                host.restore_network()
        assert running.returncode == 4, output
        assert set(quick.live_tags().values()) == {"v1.0.0"}, output
        assert split.seconds <= SHORT["namaskah_confirm_timeout"] + outage
        told = quick.cli("status", "lab")
        assert "resume lab --run" in told.stdout, told.stdout + told.stderr
        quick.write(**USUAL)  # over the slow network it may take longer than a test likes to wait for a return
        hosts[1].slow_network(128)
        try:
            done = quick.cli("resume", "lab", "--yes")
        finally:
            hosts[1].restore_network()
        assert done.returncode == 0, output + done.stdout + done.stderr
        wait_until(lambda: all(settled(quick, host) for host in hosts), 60)
    fault_log.split(split.seconds)
    assert set(quick.live_tags().values()) == {"v1.1.0"}
    for host in hosts:
        consistent(quick, host)
    no_lease_is_stranded(quick)


@pytest.mark.parametrize("act", POINTS)
@pytest.mark.fault("host rebooted", ends="returned", where="at a point of a release")
def test_a_host_rebooted_in_the_middle_runs_one_version(quick: Application, fault_log: FaultLog, act: str) -> None:
    """A power cut of one host at a point of the release: one version runs there, and recovery makes the fleet one."""
    first = quick.lab.group("app")[0]
    running = quick.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--allow", "bad-release")
    quick.await_act(first, act, running)
    begin = time.monotonic()
    with split_of(quick) as split:
        first.reboot(hard=True)
        outage = time.monotonic() - begin
        made_one(quick, fault_log, act, running, quick.end(running))
    fault_log.split(split.seconds)
    assert split.seconds <= SHORT["namaskah_confirm_timeout"] + outage


@pytest.mark.parametrize("act", ["prepare", pytest.param("switched", marks=pytest.mark.soak)])
@pytest.mark.fault("sshd stopped", ends="returned", where="at a point of a release")
def test_a_host_without_sshd_in_the_middle_runs_one_version(quick: Application, fault_log: FaultLog, act: str) -> None:
    """Nobody can log in any more, and the sessions end: the host is lost for the run, and comes back by itself."""
    first = quick.lab.group("app")[0]
    running = quick.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--allow", "bad-release")
    quick.await_act(first, act, running)
    with without_sshd(first):
        output = quick.end(running)
        assert running.returncode == (4 if act == "switched" else 6), output
        assert f"{first.name} cannot be reached" in output or act == "switched", output
        wait_until(lambda: settled(quick, first), SHORT["namaskah_confirm_timeout"] + 60)
        first.run(["curl", "-sf", "--max-time", "10", "http://127.0.0.1/healthz"])
    made_one(quick, fault_log, act, running, output)


@pytest.mark.soak
@pytest.mark.parametrize("act", POINTS)
@pytest.mark.fault("host unreachable during", ends="returned", where="at a point of a release")
def test_a_host_cut_off_in_the_middle_runs_one_version(quick: Application, fault_log: FaultLog, act: str) -> None:
    """The same for a network that swallows everything; clients of the other host see nothing of it."""
    first, second = quick.lab.group("app")
    with load_on(second) as load, split_of(quick) as split:
        running = quick.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--allow", "bad-release")
        quick.await_act(first, act, running)
        begin = time.monotonic()
        first.cut_network(silent=True)
        try:
            output = quick.end(running)
        finally:
            first.restore_network()
        outage = time.monotonic() - begin
        made_one(quick, fault_log, act, running, output)
    fault_log.split(split.seconds)
    assert split.seconds <= SHORT["namaskah_confirm_timeout"] + outage
    fault_log.site(load.report)
    assert load.report is not None
    assert load.report.failed == 0, str(load.report)


def made_one(
    application: Application, fault_log: FaultLog, act: str, running: subprocess.Popen[str], output: str
) -> None:
    """Assert that the first host, lost at `act`, runs one version, and that recovery makes the fleet one again.

    That is the old release wherever the run did not end well before; lost at its confirmation the host may be final.
    """
    hosts = application.lab.group("app")
    wait_until(lambda: settled(application, hosts[0]), SHORT["namaskah_confirm_timeout"] + 60)
    consistent(application, hosts[0])
    done = application.cli("recover", "lab", "--yes", "--allow", "take-over")
    assert done.returncode == 0, output + done.stdout + done.stderr
    for host in hosts:
        consistent(application, host)
    no_lease_is_stranded(application)
    served = set(application.live_tags().values())
    if act == "confirmed" or running.returncode == 0:
        # Told as a split by `status` where they differ; the next release mends it.
        fault_log.ended({frozenset(["v1.1.0"]): "new release", frozenset(["v1.0.0"]): "returned"}.get(
            frozenset(served), "named"))  # fmt: skip
        assert running.returncode != 0 or served == {"v1.1.0"}, output
    else:
        assert served == {"v1.0.0"}, output
        fault_log.ended("returned" if act == "switched" else "old release")
    # That a release goes on from here is what the next test begins with; where the hosts differ, it mends that first.
    if len(served) > 1:
        done = application.deploy("v1.0.0", "-e", '{"namaskah_allow": ["bad-release", "drift", "take-over"]}')
        assert done.returncode == 0, output + done.stdout[-4000:]
        no_lease_is_stranded(application)


@pytest.mark.fault("process killed: new instance", ends="returned")
def test_a_killed_new_instance_is_not_believed(quick: Application) -> None:
    """The new instance dies after the switch: the manager starts it again, the checks see that, and all return."""
    before = quick.live_tags()
    first = quick.lab.group("app")[0]
    running = quick.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--allow", "bad-release")
    quick.await_act(first, "switched", running)
    instance = first.run(["readlink", f"{quick.root}/current/run"]).stdout.strip().rpartition("/")[2]
    first.run(["systemctl", "kill", "--signal=KILL", f"dashboard-web@{instance}.service"])
    output = quick.end(running)
    assert running.returncode == 3, output
    wait_until(lambda: settled(quick, first), 60)
    assert quick.live_tags() == before
    for host in quick.lab.group("app"):
        consistent(quick, host)


# The code with which each server closes WebSockets when it stops (RFC 6455, 7.4): a client that knows it comes back.
CLOSED_WITH = {"gunicorn": "1012", "uvicorn": "1012", "daphne": "1006"}
SERVERS = {
    "gunicorn": ["{venv}/bin/gunicorn", "dashboard.asgi:application", "--config", "gunicorn.conf.py", "--worker-class",
                 "uvicorn_worker.UvicornWorker", "--workers", "2", "--bind", "unix:{socket}"],
    "uvicorn": ["{venv}/bin/uvicorn", "dashboard.asgi:application", "--workers", "2", "--uds", "{socket}"],
    "daphne": ["{venv}/bin/daphne", "-u", "{socket}", "dashboard.asgi:application"],
}  # fmt: skip


def released(application: Application, ref: str) -> None:
    """Release a version, also one that is on record as bad."""
    done = application.deploy(ref, "-e", '{"namaskah_allow": ["bad-release"]}')
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.fault("process killed: application server", ends="cleaned up")
def test_a_killed_server_comes_back_on_its_stale_socket(quick: Application) -> None:
    """Killed for real with its release live; the socket that it leaves is in nobody's way."""
    host = quick.lab.group("app")[0]
    instance = host.run(["readlink", f"{quick.root}/current/run"]).stdout.strip().rpartition("/")[2]
    unit = f"dashboard-web@{instance}.service"
    before = host.run(["systemctl", "show", "-p", "MainPID", "--value", unit]).stdout.strip()
    host.run(["systemctl", "kill", "--signal=KILL", unit])
    wait_until(
        lambda: host.run(["systemctl", "show", "-p", "MainPID", "--value", unit]).stdout.strip() not in ("0", before),
        60,
    )
    wait_until(lambda: host.run(["curl", "-sf", "http://127.0.0.1/healthz"], check=False).returncode == 0, 60)
    consistent(quick, host)


@pytest.mark.soak
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.fault("process killed: application server", ends="new release")
def test_every_server_survives_kill_and_leaves_no_stale_socket(
    dashboard: Application, fault_log: FaultLog, server: str
) -> None:
    """Killed for real, the instance comes back on its stale socket; switched away, the old one stops last and clean.

    No request fails meanwhile, and WebSockets end with the code of this server and are back within their time.
    """
    dashboard.have_live("v1.0.0")
    own = dashboard.services()
    requirements = ["requirements-daphne.txt"] if server == "daphne" else ["requirements.txt"]
    dashboard.write(
        namaskah_services={**own, "web": {**own["web"], "command": SERVERS[server]}},
        namaskah_requirements=requirements,
    )
    try:
        host = dashboard.lab.group("app")[0]
        released(dashboard, "v1.1.0")
        with load_on(host) as load:
            released(dashboard, "v1.0.0")
            wait_until(lambda: settled(dashboard, host), 60)
        fault_log.site(load.report)
        assert load.report is not None
        assert load.report.failed == 0, str(load.report)
        assert set(load.report.websockets.codes) == {CLOSED_WITH[server]}, str(load.report)
        assert load.report.websockets.share_back >= 0.999, str(load.report)
        instance = host.run(["readlink", f"{dashboard.root}/current/run"]).stdout.strip().rpartition("/")[2]
        host.run(["systemctl", "kill", "--signal=KILL", f"dashboard-web@{instance}.service"])
        wait_until(lambda: host.run(["curl", "-sf", "http://127.0.0.1/healthz"], check=False).returncode == 0, 60)
        consistent(dashboard, host)
    finally:
        dashboard.write(namaskah_services=own, namaskah_requirements=["requirements.txt"])

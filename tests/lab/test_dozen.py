"""Is a fleet of twelve hosts released in waves under load, and brought back as a whole when one is lost late?

What it took is printed, and never judged: all hosts, the controller and the load share the processors of one machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.lab.application import Application
from tests.support.lab.interrupted import settled, wait_until
from tests.support.lab.lab import Lab
from tests.support.lab.loads import no_request_fails
from tests.support.lab.production_set import add_production_set
from tests.support.lab.times import QUICK

pytestmark = [pytest.mark.lab, pytest.mark.soak]

HOSTS = int(os.environ.get("FLEET_HOSTS", "12"))
SETTINGS = {
    "namaskah_service_defaults": {**QUICK, "boot_timeout": 240},
    "namaskah_settle": 3,
    "namaskah_waves": [1, "25%", "100%"],
    "namaskah_confirm_timeout": 900,
    "namaskah_step_timeout": 600,
}


@pytest.fixture(scope="module")
def fleet(lab_machine: None) -> Iterator[Application]:  # noqa: ARG001 - asked for its effect
    with Lab.create() as lab:
        add_production_set(lab, app=HOSTS)
        application = Application(lab, "dashboard", SETTINGS)
        application.prepare()
        with timed("provision"):
            application.provision()
        with timed("first release"):
            done = application.deploy("v1.0.0")
        assert done.returncode == 0, done.stdout[-6000:]
        yield application


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{what} of {HOSTS} hosts: {time.monotonic() - begun:.0f} s")


def all_serve(fleet: Application, tag: str) -> None:
    """Assert that every host serves the tag's release and has nothing left in hand."""
    for host in fleet.lab.group("app"):
        wait_until(lambda host=host: settled(fleet, host), 900)  # type: ignore[misc]
    assert set(fleet.live_tags().values()) == {tag}


def test_a_dozen_hosts_are_released_and_rolled_back_without_a_failed_request(fleet: Application) -> None:
    """A canary, a quarter, the rest; asked are the canary, one of the second wave and the last host."""
    hosts = fleet.lab.group("app")
    with no_request_fails(hosts[0], hosts[2], hosts[-1]):
        with timed("release"):
            done = fleet.cli("deploy", "lab", "--ref", "v1.1.0", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        all_serve(fleet, "v1.1.0")
        with timed("rollback"):
            done = fleet.cli("rollback", "lab", "--tag", "v1.0.0", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        all_serve(fleet, "v1.0.0")


@pytest.mark.fault("host unreachable during", ends="returned", where="last wave of a dozen hosts")
def test_a_host_lost_in_the_last_wave_brings_eleven_back(fleet: Application) -> None:
    """Cut off once the second wave has switched: all that can be reached return, and the lost one never switched."""
    hosts = fleet.lab.group("app")
    last = hosts[-1]
    with no_request_fails(hosts[0], hosts[2]):
        running = fleet.start_cli("deploy", "lab", "--ref", "v1.1.0", "--allow", "bad-release", "--yes")
        fleet.await_act(hosts[2], "switched", running, seconds=1200)
        last.cut_network(silent=True)
        try:
            output = fleet.end(running)
        finally:
            last.restore_network()
        assert running.returncode == 4, output
        assert f"NOT in a final state on {last.name}" in output, output
        for host in hosts[:4]:  # the canary and the second wave
            assert f"{host.name}: returned; serves" in output, output
        done = fleet.cli("recover", "lab", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        all_serve(fleet, "v1.0.0")

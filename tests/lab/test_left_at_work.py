"""What works on a host whose controller was killed: is it named by `status`, and ended before the run goes on?"""

from __future__ import annotations

import time

import pytest

from tests.lab.application import Application
from tests.lab.host import Host
from tests.lab.test_faults import kill_all

pytestmark = pytest.mark.lab


def at_work(host: Host) -> list[str]:
    """Return the processes that install packages for the deploy user."""
    return host.run(["pgrep", "-u", "deploy", "-f", "pip install"], check=False).stdout.split()


@pytest.mark.fault("controller killed", ends="resumed", where="deploy, while pip works on the host")
def test_a_long_command_of_a_killed_run_is_found_and_ended(dashboard: Application) -> None:
    """v1.2.0 has a new dependency, so pip works; the run is killed then, and goes on under its own name."""
    host = dashboard.lab.group("app")[0]
    running = dashboard.start_cli("deploy", "lab", "--ref", "v1.2.0", "--yes", "--allow", "bad-release")
    end = time.monotonic() + 300
    while not at_work(host):
        assert running.poll() is None, dashboard.end(running)
        assert time.monotonic() < end
        time.sleep(0.05)
    kill_all(running)
    status = dashboard.cli("status", "lab").stdout
    assert "prepare: " in status, status
    assert "namaskah-deploy resume lab --run" in status
    done = dashboard.cli("resume", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert at_work(host) == []
    assert set(dashboard.live_tags().values()) == {"v1.2.0"}

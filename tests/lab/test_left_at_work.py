"""What works on a host whose controller was killed: is it named by `status`, and ended before the run goes on?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import yaml

from tests.support.lab.application import Application
from tests.support.lab.host import Host
from tests.support.lab.interrupted import kill_all

pytestmark = pytest.mark.lab


def at_work(host: Host) -> list[str]:
    """Return the processes that install packages for the deploy user."""
    return host.run(["pgrep", "-u", "deploy", "-f", "pip install"], check=False).stdout.split()


@pytest.fixture
def pip_has_work(dashboard: Application) -> Iterator[None]:
    """Whatever earlier tests have installed on these hosts: other arguments mean another virtualenv."""
    written = yaml.safe_load((dashboard.inventory / "group_vars" / "all" / "lab.yml").read_text())
    dashboard.write(namaskah_pip_arguments=[*written["namaskah_pip_arguments"], "--no-cache-dir"])
    yield
    del dashboard.variables["namaskah_pip_arguments"]
    dashboard.write()


@pytest.mark.usefixtures("pip_has_work")
@pytest.mark.fault("controller killed", ends="resumed", where="deploy, while pip works on the host")
def test_a_long_command_of_a_killed_run_is_found_and_ended(dashboard: Application) -> None:
    """The run is killed while pip works for it, and goes on under its own name."""
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

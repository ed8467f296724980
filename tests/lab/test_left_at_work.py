"""What works on a host whose controller was killed: is it named by `status`, refused to others, and ended?"""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.lab.application import Application
from tests.lab.host import Host
from tests.lab.test_faults import kill_all

pytestmark = [pytest.mark.lab, pytest.mark.trial]

STEPS = {"pip install": "prepare", "manage.py migrate": "migrate"}


def at_work(host: Host, words: str) -> list[str]:
    """Return the processes of the deploy user whose command line has these words."""
    return host.run(["pgrep", "-u", "deploy", "-f", words], check=False).stdout.split()


def killed_during(application: Application, host: Host, ref: str, words: str) -> subprocess.Popen[str]:
    """Start a release and kill its controller while a command with these words runs on the host."""
    running = application.start_cli("deploy", "lab", "--ref", ref, "--yes", "--allow", "bad-release")
    end = time.monotonic() + 300
    while not at_work(host, words):
        assert running.poll() is None, application.end(running)
        assert time.monotonic() < end
        time.sleep(0.05)
    kill_all(running)
    return running


@pytest.mark.fault("controller killed", ends="resumed", where="deploy, a long command runs on the host")
@pytest.mark.parametrize("words", STEPS)
def test_a_long_command_of_a_killed_run_is_found_and_ended(dashboard: Application, words: str) -> None:
    host = dashboard.lab.group("app")[0]
    ref = "v1.2.0" if words == "pip install" else "v1.3.0"
    killed_during(dashboard, host, ref, words)
    status = dashboard.cli("status", "lab").stdout
    assert f"{STEPS[words]}: " in status, status
    assert "namaskah-deploy resume lab --run" in status
    done = dashboard.cli("resume", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert at_work(host, words) == []
    assert set(dashboard.live_tags().values()) == {ref}

"""How is a run cut off in the lab's tests, and when has what it left come to rest?"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from tests.support.lab.application import Application
from tests.support.lab.host import Host
from tests.support.lab.sampler import Split
from tests.support.waiting import until


def kill_all(running: subprocess.Popen[str]) -> None:
    """End the command line and everything that it started, as a power cut would."""
    processes = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # a task of Ansible ends at any moment
            process.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)  # reads and closes its pipe, too


@contextmanager
def without_sshd(host: Host) -> Iterator[None]:
    """No sshd on a host, and no session of it: connections that were open would outlive the service."""
    host.run(["systemctl", "stop", "ssh.socket", "ssh.service"], check=False)
    host.run(["sh", "-c", "for p in $(pgrep ^sshd); do kill -KILL $p; done"], check=False)
    try:
        yield
    finally:
        host.run(["systemctl", "start", "ssh.service"])


def wait_until(true: Callable[[], Any], seconds: float) -> None:
    """Wait until `true()`, which asks a host; fails when it never is."""
    until(true, "what was waited for", seconds, every=0.5)


def settled(application: Application, host: Host) -> bool:
    """Tell whether the host has no unfinished switch."""
    return host.run(["test", "-e", f"{application.root}/switch.json"], check=False).returncode != 0


def no_lease_is_stranded(application: Application) -> None:
    """Assert that no host keeps a lease that nobody gave back, expired or not."""
    leases = {
        host.name: json.loads(host.read(f"{application.root}/lease.json")) for host in application.lab.group("app")
    }
    assert [name for name, lease in leases.items() if lease["run"]] == [], leases


def split_of(application: Application) -> Split:
    """Return what counts for how long the hosts' releases differ, also of one that is off: its disk is here."""
    return Split([host.root_dir / application.root[1:] / "current" for host in application.lab.group("app")])


def running_releases(application: Application, host: Host) -> set[str]:
    """Return the releases of the web processes that run on the host, by their own folders."""
    script = "for p in $(pgrep -f gunicorn\\|uvicorn\\|daphne); do readlink /proc/$p/cwd; done"
    found = host.run(["sh", "-c", script], check=False).stdout.split()
    return {path.rpartition("/")[2] for path in found if path.startswith(f"{application.root}/releases/")}


def consistent(application: Application, host: Host) -> None:
    """Assert that exactly the release that `current` names runs, and that it answers through the front."""
    record = application.record(host.name)
    wait_until(lambda: running_releases(application, host) == {record["id"]}, 60)
    answer = host.run(["curl", "-sf", "--max-time", "10", "http://127.0.0.1/healthz"]).stdout
    assert record["id"] in answer

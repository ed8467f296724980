"""Does a job run once and never beside another worker, whatever happens to releases, processes and hosts?"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.lab.application import API_TOKEN, Application
from tests.support.lab.cgroup import ControlGroup

pytestmark = [pytest.mark.lab, pytest.mark.soak]

INTERVAL = 0.02  # seconds between two looks at all processes
EVERY = 0.15  # seconds between two jobs
WORKER = b"manage.py\0worker"
# Sessions that begin before the one before them has ended, or, when it was killed, was seen last.
OVERLAPS = """
SELECT a.pid, b.pid FROM jobs_workersession a JOIN jobs_workersession b
ON b.id > a.id AND b.started_at < coalesce(a.ended_at, a.seen_at) WHERE a.id >= {first}
"""
RUNS = "SELECT count(*), count(DISTINCT job_id) FROM jobs_jobrun WHERE job_id IN ({jobs})"
RELEASES = "SELECT count(DISTINCT release) FROM jobs_workersession WHERE id > {first}"


@dataclass
class Watch:
    """Leaves jobs at a host all the time, and looks how many workers run in the whole lab at one moment."""

    application: Application
    address: str
    posted: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    most: int = 0
    looks: int = 0

    def look(self, stop: threading.Event) -> None:
        """Count living workers of all hosts; those of other labs on this machine are not ours."""
        groups = [ControlGroup(self.application.lab.name, host) for host in self.application.lab.hosts]
        while not stop.wait(INTERVAL):
            self.looks += 1
            self.most = max(self.most, sum(_is_worker(pid) for group in groups for pid in group.pids()))

    def post(self, stop: threading.Event) -> None:
        """Leave a job every so often; each answer names the job."""
        while not stop.wait(EVERY):
            connection = http.client.HTTPConnection(self.address, timeout=20)
            head = {"Authorization": f"Bearer {API_TOKEN}", "Content-Type": "application/json"}
            try:
                connection.request("POST", "/api/jobs", json.dumps({"kind": "note"}), head)
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace")
                if answer.status == http.client.ACCEPTED:
                    self.posted.append(json.loads(text)["id"])
                else:
                    self.refused.append(f"{answer.status} {text[:200]}")
            except OSError as error:
                self.refused.append(str(error))
            finally:
                connection.close()


def _is_worker(pid: int) -> bool:
    with contextlib.suppress(OSError):
        process = Path("/proc") / str(pid)
        state = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        return state != "Z" and WORKER in (process / "cmdline").read_bytes()
    return False


@contextlib.contextmanager
def watched(application: Application, address: str) -> Iterator[Watch]:
    """Watch while the block runs."""
    watch, stop = Watch(application, address), threading.Event()
    threads = [threading.Thread(target=work, args=(stop,), daemon=True) for work in (watch.look, watch.post)]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=60)


@pytest.fixture
def single_worker(dashboard: Application) -> Iterator[Application]:
    """The worker on one host of two, by a group of the inventory; afterwards on both again."""
    services = dashboard.services()
    services["worker"]["group"] = "scheduler"
    dashboard.groups = {"scheduler": ["app1"]}
    dashboard.write(namaskah_services=services)
    yield dashboard
    dashboard.groups = {}
    del dashboard.variables["namaskah_services"]
    dashboard.write()


def select(application: Application, query: str) -> str:
    """Return what the database says, as its server's own user."""
    words = ["runuser", "-u", "postgres", "--", "psql", "-XAtc", query, application.sample]
    return application.lab.hosts["db1"].run(words).stdout.strip()


def worker_pid(application: Application) -> int:
    """Return the process id of the worker on app1, waiting until there is one."""
    for _ in range(300):
        found = application.lab.hosts["app1"].run(["pgrep", "-f", "manage.py worker"], check=False).stdout.split()
        if found:
            return int(found[0])
        time.sleep(0.2)
    raise AssertionError("no worker runs on app1")


def test_each_job_runs_once_and_no_two_workers_at_a_time(single_worker: Application) -> None:
    """Release, return after the switch, rollback, kill -9 and a power cut, with jobs coming in all the time."""
    application = single_worker
    first, second = application.lab.hosts["app1"], application.lab.hosts["app2"]
    done = application.deploy("v1.1.0")
    assert done.returncode == 0, done.stdout[-6000:]
    assert application.live_tags() == {"app1": "v1.1.0", "app2": "v1.1.0"}
    since = int(select(application, "SELECT coalesce(max(id), 0) FROM jobs_workersession"))
    with watched(application, second.address) as watch:
        assert application.deploy("v1.2.0").returncode == 0
        assert application.deploy("broken-websocket").returncode != 0
        assert set(application.live_tags().values()) == {"v1.2.0"}
        assert application.rollback("v1.1.0").returncode == 0
        before = worker_pid(application)
        first.kill(before)
        first.run(["sh", "-c", f"while kill -0 {before} 2>/dev/null; do sleep 0.05; done"])
        worker_pid(application)
        first.power_off()
        first.boot()
        worker_pid(application)
    end = time.monotonic() + 60
    while select(application, "SELECT count(*) FROM jobs_job WHERE done_at IS NULL") != "0":
        assert time.monotonic() < end, "jobs are left"
        time.sleep(0.5)
    assert watch.refused == []
    assert len(watch.posted) > 100
    runs = select(application, RUNS.format(jobs=", ".join(map(str, watch.posted))))
    assert runs == f"{len(watch.posted)}|{len(watch.posted)}"
    assert (watch.most, watch.looks > 100) == (1, True)
    assert select(application, OVERLAPS.format(first=since)) == ""
    assert int(select(application, RELEASES.format(first=since))) >= 3, "the worker changed with the releases"

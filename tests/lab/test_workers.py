"""Does a run go to another control node by ansible-runner's own transmit, worker and process, and two at once?

A release goes to one worker as a whole, for its barrier must be held in one place. What only looks is split.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.building import build_wheel
from tests.support.lab.application import PLAYBOOK_SECONDS, Application, environment
from tests.support.lab.controller import OPERATOR, TOOL, Controller
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab
from tests.support.lab.production_set import add_production_set
from tests.support.lab.times import QUICK, SETTLE
from tests.support.project import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.soak]

RUNNER = Path(sys.executable).parent / "ansible-runner"


@dataclass
class Job:
    """A folder as ansible-runner, AWX and Semaphore lay it out: the project, the inventory, the run's variables."""

    folder: Path
    application: Application

    def lay_out(self, **variables: str) -> None:
        """Write it anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("playbooks", "roles"):
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.folder / "project" / name, ignore=leave)
        shutil.copy(ROOT / "ansible.cfg", self.folder / "project")
        shutil.copytree(self.application.inventory, self.folder / "inventory")
        (self.folder / "env").mkdir()
        (self.folder / "env" / "extravars").write_text(json.dumps(variables))

    def send(self, worker: Host, playbook: str, ident: str, limit: str = "") -> dict[str, int]:
        """Run a playbook on a worker; return how many tasks went well for each host, as its results say here."""
        name = ["--ident", ident]
        limits = ["--limit", limit] if limit else []
        packed = self._here(b"", "transmit", *name, "--playbook", f"playbooks/{playbook}.yml", *limits, self.folder)
        config = str(self.application.lab.keys.ssh_config)
        path = f"env PATH={TOOL}/bin:/usr/bin:/bin LC_ALL=C.UTF-8"
        answered = subprocess.run(
            ["ssh", "-F", config, "-o", "BatchMode=yes", f"{OPERATOR}@{worker.name}", f"{path} ansible-runner worker"],
            input=packed, stdout=subprocess.PIPE, check=False, timeout=PLAYBOOK_SECONDS, env=environment(),
        ).stdout  # fmt: skip
        self._here(answered, "process", *name, self.folder)
        kept = self.folder / "artifacts" / ident
        assert (kept / "rc").read_text() == "0", (kept / "stdout").read_text()[-6000:]
        events = [json.loads(file.read_text()) for file in (kept / "job_events").glob("*.json")]
        (stats,) = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
        found: dict[str, int] = stats["ok"]
        return found

    def _here(self, given: bytes, *words: str | os.PathLike[str]) -> bytes:
        done = subprocess.run(
            [RUNNER, *words], input=given, capture_output=True, check=False, timeout=300, env=environment()
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout


@pytest.fixture(scope="module")
def workers(lab_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Controller]]:  # noqa: ARG001
    """Two control nodes with the wheel and nothing else, and the dashboard's hosts, provisioned."""
    wheels = tmp_path_factory.mktemp("wheels")
    wheel = build_wheel(wheels)
    with Lab.create() as lab:
        nodes = [lab.add_host(name, group="controller") for name in ("node1", "node2")]
        add_production_set(lab)
        lab.add_wheels(ROOT / "requirements" / "run.txt")
        lab.wheels.add(wheels)
        settings = {"namaskah_service_defaults": QUICK, "namaskah_settle": SETTLE}
        application = Application(lab, "dashboard", settings)
        application.prepare()
        application.provision()
        made = [Controller(node, application) for node in nodes]
        for one in made:
            one.install(f"{lab.wheels.url}{wheel.name}")
            one.furnish()
        yield made


def test_a_release_and_a_rollback_go_to_a_worker_each(workers: list[Controller], tmp_path: Path) -> None:
    """The second worker has never seen the fleet: all that a run must know lies on the hosts and in the repository."""
    application = workers[0].application
    job = Job(tmp_path / "job", application)
    for number, (worker, playbook, variables, live) in enumerate(
        (
            (workers[0], "deploy", {"namaskah_ref": "v1.0.0"}, "v1.0.0"),
            (workers[0], "deploy", {"namaskah_ref": "v1.1.0"}, "v1.1.0"),
            (workers[1], "rollback", {"namaskah_target_tag": "v1.0.0"}, "v1.0.0"),
        )
    ):
        job.lay_out(**variables)
        went_well = job.send(worker.host, playbook, f"run-{number}")
        assert set(went_well) >= {"app1", "app2"}
        assert application.live_tags() == {"app1": live, "app2": live}


def test_what_only_looks_is_split_over_two_workers(workers: list[Controller], tmp_path: Path) -> None:
    """Each verifies its own half at the same time; the results of both come together here."""
    application = workers[0].application
    if set(application.live_tags().values()) != {"v1.0.0"}:
        assert application.deploy("v1.0.0").returncode == 0
    job = Job(tmp_path / "job", application)
    job.lay_out()
    with ThreadPoolExecutor() as pool:
        halves = [
            pool.submit(job.send, worker.host, "verify", f"half-{host.name}", host.name)
            for worker, host in zip(workers, application.lab.group("app"), strict=True)
        ]
        went_well = [half.result() for half in halves]
    assert ["app1" in one for one in went_well] == [True, False]
    assert ["app2" in one for one in went_well] == [False, True]

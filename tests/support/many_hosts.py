"""A fleet of make-believe hosts for the real playbooks: folders with local connections.

Nothing of the tool is replaced. What a network and a host's own processor would add or take away is not measured.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path

import yaml

from tests.support.contracts import HERE, variables
from tests.support.folder_host import IDENTITY, SERVER, WORKER, supervised
from tests.support.project import ROOT

INSTANCES = ("blue", "green")
SERVICES = {
    "web": {"command": ["{venv}/bin/python", "server.py", "{socket}"], "listen": "socket", "overlap": True,
            "boot_timeout": 120, "stop_timeout": 10, "drain": 1, "health": {}},
    "worker": {"command": ["{venv}/bin/python", "worker.py", "{shared}"], "stop_timeout": 10},
}  # fmt: skip


# Ansible's modules run by this interpreter: what they take is a host's own processor time, and is written down.
METER = """#!/bin/sh
{python} "$@"
code=$?
times >> {record}
exit $code
"""


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds by the clock, and of the processor, with all that it started and awaited.

    `hosts` is the part of `cpu` that real hosts would spend by themselves: modules and what they call.
    """

    seconds: float
    cpu: float
    hosts: float

    @property
    def controller(self) -> float:
        """Seconds of the controller's own processor."""
        return self.cpu - self.hosts

    def over(self, less: Cost, count: int) -> Cost:
        """Return what each of `count` hosts added to `less`."""
        return Cost(*((mine - other) / count for mine, other in zip(astuple(self), astuple(less), strict=True)))

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s; CPU: {self.controller:.2f} s here, {self.hosts:.2f} s there"


class Fleet:
    """`count` hosts below `folder`; sockets live below `runtime`, whose path must be short."""

    def __init__(self, folder: Path, runtime: Path, count: int) -> None:
        self.folder, self.runtime = folder, runtime
        self.names = [f"h{number:04}" for number in range(count)]
        self.supervisors: list[subprocess.Popen[bytes]] = []
        self.source = folder / "source"
        self.meter, self.metered = folder / "python", folder / "times"
        self.meter.write_text(METER.format(python=os.path.realpath(sys.executable), record=self.metered))
        self.meter.chmod(0o755)
        self._git("init", "--quiet", "--initial-branch=main", str(self.source))
        self._write_inventory()
        for name in self.names:
            for place in (self.root(name) / "shared" / "assets", *(self.sockets(name) / one for one in INSTANCES)):
                place.mkdir(parents=True)
            (folder / name / "env").write_text("SECRET='a secret of six words'\n")
            (folder / name / "env").chmod(0o600)

    def root(self, name: str) -> Path:
        """Return the application's root on a host."""
        return self.folder / name / "srv"

    def sockets(self, name: str) -> Path:
        """Return the folder of a host's sockets."""
        return self.runtime / name

    def _git(self, *words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True, timeout=60, env={**os.environ, **IDENTITY})

    def commit(self, number: int) -> None:
        """Commit another version of the application."""
        files = {"server.py": SERVER, "worker.py": WORKER, "behaviour": "good", "requirements.txt": "",
                 "static/app.js": f"version {number}"}  # fmt: skip
        for name, text in files.items():
            (self.source / name).parent.mkdir(exist_ok=True)
            (self.source / name).write_text(text)
        self._git("-C", str(self.source), "add", "--all")
        self._git("-C", str(self.source), "commit", "--quiet", "--message", f"Version {number}")

    def _write_inventory(self) -> None:
        python = os.path.realpath(sys.executable)
        health = {"path": "/", "status": 200, "release_key": "release", "host": "localhost", "timeout": 10}
        common = {
            **variables({**HERE, "environment": "simulated", "app": "sample", "repository": str(self.source)}),
            **variables({"python": python, "services": SERVICES, "health_defaults": health}),
            "ansible_connection": "local", "ansible_python_interpreter": str(self.meter), "validation_database": False,
        }  # fmt: skip
        hosts = {
            name: {
                "namaskah_root": str(self.root(name)),
                "namaskah_runtime": str(self.sockets(name)),
                "namaskah_env_file": str(self.folder / name / "env"),
                "namaskah_supervisor_config": str(self.folder / name / "supervisord.conf"),
            }
            for name in self.names
        }
        inventory = self.folder / "inventory" / "simulated"
        inventory.mkdir(parents=True)
        everything = {"all": {"vars": common, "children": {"app": {"hosts": hosts}}}}
        (inventory / "hosts.yml").write_text(yaml.safe_dump(everything))

    def play(self, playbook: str, *words: str, count: int | None = None) -> Cost:
        """Run a playbook on the first `count` hosts by plain ansible-playbook, and return what it took."""
        tool = Path(sys.executable).parent / "ansible-playbook"
        limit = ["--limit", ",".join(self.names[:count])] if count else []
        self.metered.write_text("")
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        inventory = ["-i", str(self.folder / "inventory" / "simulated")]
        done = subprocess.run(
            [str(tool), *inventory, f"playbooks/{playbook}.yml", *limit, *words],
            cwd=ROOT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=6000,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(time.monotonic() - begin, cpu, _added(self.metered.read_text()))

    def unconfirmed(self, count: int) -> float:
        """Return the longest time, in seconds, from the last switch of one of `count` hosts to its confirmation."""
        return max(
            self._between(self.root(name) / "journal.jsonl", "switched", "confirmed") for name in self.names[:count]
        )

    @staticmethod
    def _between(journal: Path, begin: str, end: str) -> float:
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        moments = {record["act"]: datetime.fromisoformat(record["time"]) for record in records}
        return (moments[end] - moments[begin]).total_seconds()

    def supervise(self) -> None:
        """Start a supervisor on each host, so that releases can be made there."""
        for name in self.names:
            made = supervised(self.folder / name, self.sockets(name), self.root(name), SERVICES)
            self.supervisors.append(made)

    def end(self) -> None:
        """End the supervisors with their services, and remove the folders of the sockets."""
        for process in self.supervisors:
            process.send_signal(signal.SIGTERM)
        for process in self.supervisors:
            process.wait(timeout=60)
        shutil.rmtree(self.runtime, ignore_errors=True)


def _added(record: str) -> float:
    """Return the seconds of a shell's `times`, such as `0m1.20s 0m0.30s`, added up."""
    found = re.findall(r"(\d+)m([\d.]+)s", record)
    return sum(60 * int(minutes) + float(seconds) for minutes, seconds in found)

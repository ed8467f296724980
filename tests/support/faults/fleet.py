"""A fleet of two hosts that are folders: real git, virtualenvs, supervisors and the real playbooks, without ssh.

Small enough that a release takes seconds, so a run can be killed at every record that it writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml
from ansible.module_utils.namaskah_host import guard, lease, switch, workers
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.release import current

from namaskah_deploy.outcome import Code
from tests.support.at_rest import at_rest_with
from tests.support.contracts import variables
from tests.support.folder_host import FolderHost
from tests.support.project import ROOT
from tests.support.terminal import Terminal
from tests.support.waiting import until

CONFIRM = 240  # seconds: longer than a resumed run needs, short enough to be waited for
RUN_SECONDS = 600
NAMES = ("h1", "h2")
# What the contract calls otherwise than the variables, or what is each host's own.
OWN = ("host", "root", "runtime", "env_file", "supervisor_config", "repository", "static_root", "app")


class Fleet:
    """Two hosts, one repository, one inventory; `released` counts the versions."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, FolderHost] = {}
        for name in NAMES:
            (folder / name).mkdir()
            (runtime / name).mkdir()
            self.hosts[name] = FolderHost(folder / name, runtime / name)
            (folder / name / "env").chmod(0o640)
            self.hosts[name].contract.raw["services"]["web"]["boot_timeout"] = 60
        self.source = self.hosts[NAMES[0]].source
        self.environ: dict[str, str] = {}  # what differs in the operator's environment
        self._write_inventory()

    # --- The environment --------------------------------------------------------------------------

    def _write_inventory(self) -> None:
        raw = self.hosts[NAMES[0]].contract.raw
        everywhere = {
            **variables({name: value for name, value in raw.items() if name not in OWN}),
            "namaskah_environment": "small", "namaskah_app": "sample", "namaskah_repository": str(self.source),
            "namaskah_static_root": "static", "namaskah_confirm_timeout": CONFIRM, "namaskah_wave_seconds": 10,
            "namaskah_host_seconds": 0,
            "namaskah_lease_ttl": 300, "namaskah_ref": "main", "namaskah_waves": 1, "namaskah_keep_releases": 3,
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable,
            "validation_database": False,
            "backup_static": False,
            "verification_patience": 20,
        }  # fmt: skip
        hosts = {
            name: {
                "namaskah_root": str(host.contract.root), "namaskah_runtime": str(host.runtime),
                "namaskah_env_file": host.contract.env_file,
                "namaskah_supervisor_config": host.contract.supervisor_config,
            }
            for name, host in self.hosts.items()
        }  # fmt: skip
        self.hosts_file.parent.mkdir(parents=True)
        inventory = {"all": {"vars": everywhere, "children": {"app": {"hosts": hosts}}}}
        self.hosts_file.write_text(yaml.safe_dump(inventory))

    @property
    def hosts_file(self) -> Path:
        """The inventory of the environment `small`."""
        return self.folder / "inventory" / "small" / "hosts.yml"

    @property
    def state(self) -> Path:
        """The folder of the runs' records."""
        return self.folder / "state" / "namaskah-deploy" / "runs"

    def contract(self, host: str) -> Contract:
        """Return the contract of a host, as its last run agreed it."""
        return guard.load(self.hosts[host].contract.root)

    # --- What an operator does --------------------------------------------------------------------

    def start(self, *words: str, output: Path | None = None) -> subprocess.Popen[str]:
        """Start the command line in a session of its own; it writes to `output`, or to what `said` reads."""
        with (output or self.folder / "output.txt").open("w") as file:
            return subprocess.Popen(
                self._command(words), cwd=ROOT, env=self._environ(), text=True, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def at_terminal(self, *words: str) -> Terminal:
        """Start the command line at a terminal."""
        return Terminal(self._command(words), folder=ROOT, environ=self._environ(), seconds=RUN_SECONDS)

    def _command(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "namaskah_deploy", *words, "--yes", "--inventory", str(self.folder / "inventory")]

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "USER") if name in os.environ}
        return {**kept, "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"), "LC_ALL": "C.UTF-8",
                "XDG_CACHE_HOME": str(ROOT / ".cache" / "tests"), # packed modules: the same for every fleet
                "PYTHONPATH": str(ROOT / "runner"), **self.environ}  # fmt: skip

    def said(self) -> str:
        """Return what the last command said."""
        return (self.folder / "output.txt").read_text()

    def run(self, *words: str) -> int:
        """Run a command to its end; return its exit code."""
        return self.start(*words).wait(timeout=RUN_SECONDS)

    def status(self) -> dict[str, Any]:
        """Return what `status` tells of each host, which is a difference where a release has come half way."""
        assert self.run("status", "small", "--json") in (Code.DONE, Code.CHECKS_FAILED), self.said()
        text = self.said()  # with what is said to people, before and after
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text, text.index("{"))[0]["hosts"]
        return found

    # --- Faults -----------------------------------------------------------------------------------

    def kill_controller(self, running: subprocess.Popen[str], *, modules: bool) -> None:
        """Kill -9 the command line and Ansible; with `modules` also what works on the hosts, as when all go down."""
        tree = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
        for process in tree:
            try:
                if modules or not _works_on_a_host(process):
                    process.kill()
            except psutil.Error:
                continue
        running.wait(timeout=30)

    def reboot(self, host: str) -> None:
        """Let everything of a host die at once, and start it as its boot unit does."""
        contract = self.contract(host) if self.hosts[host].contract.host_program.exists() else self.hosts[host].contract
        for worker in workers.found(lease.work_lock(contract)):
            os.kill(worker.pid, signal.SIGKILL)
        watch = contract.root / "watch.json"
        if watch.exists():
            _kill(json.loads(watch.read_text())["pid"], str(contract.root))
        control = [contract.supervisor_control, "-c", contract.supervisor_config]
        subprocess.run([*control, "stop", "all"], check=False, capture_output=True, timeout=60)
        if contract.host_program.exists():
            boot = [sys.executable, str(contract.host_program), "boot", "--root", str(contract.root)]
            subprocess.run(boot, check=True, capture_output=True, timeout=120)

    # --- What the hosts are -----------------------------------------------------------------------

    def live(self, host: str) -> str:
        """Return the commit that a host serves, or ""."""
        found = current(self.hosts[host].contract)
        return str(found.record["commit"]) if found else ""

    def settle(self, seconds: float = CONFIRM + 40) -> None:
        """Wait until no host has an unfinished switch."""
        until(
            lambda: all(switch.read(host.contract) is None for host in self.hosts.values()),
            "the end of the switch",
            seconds,
        )

    def at_rest_with(self, commit: str) -> None:
        """Assert that every host is as a clean run leaves it."""
        self.settle()
        for name in self.hosts:
            at_rest_with(self.contract(name), self.source, commit)

    def end(self) -> None:
        """End both hosts."""
        for host in self.hosts.values():
            host.end()


@contextlib.contextmanager
def fleet_in(folder: Path) -> Iterator[Fleet]:
    """Two hosts below a folder, without any release, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp") as runtime:  # paths of sockets are short
        made = Fleet(folder, Path(runtime))
        try:
            yield made
        finally:
            made.end()


def _works_on_a_host(process: psutil.Process) -> bool:
    words = " ".join(process.cmdline())
    return "AnsiballZ_namaskah" in words or "namaskah_host" in words or "pip" in words


def _kill(pid: int, word: str) -> None:
    try:
        process = psutil.Process(pid)
        if any(word in one for one in process.cmdline()):
            process.kill()
    except psutil.Error:
        return


def await_true(true: Callable[[], bool], running: subprocess.Popen[str], seconds: float = RUN_SECONDS) -> bool:
    """Wait until `true()`, looking often; return False when the command ended before."""
    end = time.monotonic() + seconds
    while not true():
        if running.poll() is not None:
            return False
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
    return True

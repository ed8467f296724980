"""A host for tests on this machine: a real process manager from PyPI, releases made by the roles' own code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import INSTANCES, Contract
from ansible.module_utils.namaskah_host.files import point
from ansible.module_utils.namaskah_host.instances import Instance
from ansible.module_utils.namaskah_host.release import Release, current
from ansible.module_utils.namaskah_host.switch import note, stage

from tests.support.contracts import HERE, contract, variables
from tests.support.gitting import Remote, make

PROGRAM = Path(__file__).with_name("program.py")
COMMAND = ["{venv}/bin/python", "-B", "program.py"]
SERVICES = {
    "web": {"command": COMMAND, "listen": "socket", "overlap": True, "health": {}},
    "worker": {"command": COMMAND, "listen": "none"},
}


class SmallHost:
    """One application, two instances of two services, and a repository that they are released from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote: Remote = make(folder / "git")
        self.contract = Contract(contract_of(folder, self.remote.bare))
        self.count = 0

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of an inventory that make this contract."""
        return variables(self.contract.raw)

    def prepare(self, mode: str) -> Release:
        """Commit the program in this mode, and prepare a release of it."""
        shutil.copy(PROGRAM, self.remote.clone / "program.py")
        (self.remote.clone / "mode").write_text(mode, encoding="ascii")
        static = self.remote.clone / "static"
        static.mkdir(exist_ok=True)
        (static / "app.js").write_text(f"console.log({mode!r})", encoding="ascii")
        self.remote.git("add", ".")
        commit = self.remote.commit(f"Run {mode}")
        self.remote.push()
        self.count += 1
        identity = f"20260101T0000{self.count:02}Z-{commit[:12]}"
        Build(
            self.contract, {"id": "test", "by": "test", "ref": "main", "commit": commit, "release": identity}
        ).prepare()
        return Release(self.contract, identity)

    def live(self) -> Instance:
        """The live release on its instance."""
        release = current(self.contract)
        assert release
        assert release.instance
        return Instance(self.contract, release, release.instance)

    def go_live(self, release: Release, state: str = "live") -> Instance:
        """Start the release on the idle instance and switch to it, without the return that a run would arm."""
        old, new = stage(self.contract, {"id": "test"}, release)
        new.start(new.services())
        release.mark(state)
        point(self.contract.current, f"releases/{release.id}")
        note(self.contract, "test", "test", "switched", new=release.id)
        if old:
            old.stop(old.services())
        return new


def contract_of(folder: Path, repository: Path) -> dict[str, Any]:
    """The contract, as the variables of an inventory would make it."""
    return contract(
        HERE,
        app="shop",
        domain="shop.example",
        repository=str(repository),
        root=str(folder / "root"),
        runtime=str(folder / "run"),
        env_file="",
        requirements=[],
        pip_timeout=60,
        build_timeout=60,
        schema="compatible",
        services=SERVICES,
        service_defaults={"boot_timeout": 10, "stop_timeout": 5, "drain": 0},
        health_defaults={"timeout": 1},
        supervisor_config=str(folder / "supervisord.conf"),
        confirm_timeout=60,
        lease_ttl=60,
        settle=2,
    )


def _configuration(folder: Path) -> str:
    lines = [
        "[unix_http_server]", f"file={folder}/s.sock", "[supervisord]", f"logfile={folder}/supervisord.log",
        f"pidfile={folder}/supervisord.pid", "nodaemon=true", f"childlogdir={folder}", "[supervisorctl]",
        f"serverurl=unix://{folder}/s.sock", "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]  # fmt: skip
    for instance in INSTANCES:
        for service in SERVICES:
            lines += [
                f"[program:{service}-{instance}]", f"command={folder}/root/instances/{instance}/.namaskah/{service}",
                f'environment=NAMASKAH_INSTANCE="{instance}"', "autostart=false", "startsecs=0", "autorestart=true",
                "stopwaitsecs=5",
            ]  # fmt: skip
    return "\n".join(lines) + "\n"


@contextmanager
def running_host() -> Iterator[SmallHost]:
    """A host whose processes all end with the block. Its folder is short, for a socket's path has about 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="nk-"))
    host = SmallHost(folder)
    for instance in INSTANCES:
        (folder / "run" / instance).mkdir(parents=True)
    (folder / "root").mkdir()
    (folder / "supervisord.conf").write_text(_configuration(folder), encoding="ascii")
    words = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "supervisor.supervisord",
        "-n",
        "-c",
        str(folder / "supervisord.conf"),
    ]
    with (folder / "output").open("wb") as output:
        manager = subprocess.Popen(
            words, stdout=output, stderr=output, cwd=folder, env={**os.environ, "HOME": str(folder)}
        )
    try:
        end = time.monotonic() + 10
        while not (folder / "s.sock").exists():
            assert manager.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < end, "supervisord does not come up"
            time.sleep(0.05)
        yield host
    finally:
        manager.terminate()
        manager.wait(30)
        shutil.rmtree(folder)

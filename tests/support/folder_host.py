"""What is a host made of a folder? Real git, virtualenv and supervisord, and a small real server on unix sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host import switch, virtualenv
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import INSTANCES, Contract
from ansible.module_utils.namaskah_host.lease import acquire, release

from tests.support.contracts import HERE, contract
from tests.support.waiting import until

SERVER = '''
"""A server whose behaviour the file `behaviour` of its release names."""
import ctypes, json, os, signal, socket, subprocess, sys, threading, time
from pathlib import Path
behaviour = Path("behaviour").read_text().strip()
if behaviour == "dies at start":
    sys.exit("refusing to start")
if behaviour == "starts late":
    time.sleep(3)
born = time.monotonic()
def replace_children():
    while True:
        subprocess.run(["sleep", "0.4"])
if behaviour == "children die young":
    for _ in range(4):  # so that some child lives whenever somebody looks
        threading.Thread(target=replace_children, daemon=True).start()
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
answered = 0
while True:
    listener.settimeout(0.2)
    if behaviour == "dies after two seconds" and time.monotonic() - born > 2:
        sys.exit("no more")
    if Path(sys.argv[1]).with_name("end").exists():  # the main thread ends alone: its process is listed, and is dead
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
    try:
        asked, _ = listener.accept()
    except TimeoutError:
        continue
    asked.recv(65536)
    status = "500 Internal Server Error" if behaviour == "health 500" else "200 OK"
    body = json.dumps({"release": os.environ["NAMASKAH_RELEASE"], "secret": os.environ["SECRET"]}).encode()
    head = f"HTTP/1.1 {status}\\r\\nContent-Length: {len(body)}\\r\\nConnection: close\\r\\n\\r\\n"
    asked.sendall(head.encode() + body)
    asked.close()
    answered += 1
    if behaviour == f"stops after {answered} answers":
        os.kill(os.getpid(), signal.SIGSTOP)
'''
WORKER = '''
"""A worker that writes when it begins and when it ends, so that a second one beside it would be seen."""
import os, signal, sys, time
from pathlib import Path
log = Path(sys.argv[1]) / "worker.log"
def say(word):
    with log.open("a") as stream:
        stream.write(f"{word} {os.environ['NAMASKAH_RELEASE']}\\n")
def end(*_):
    say("end")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
say("begin")
while True:
    time.sleep(0.05)
'''
IDENTITY = {
    **{f"GIT_{role}_NAME": "Tests" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "tests@example.org" for role in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


class FolderHost:
    """One application on a host that is a folder; `run` is the run that acts now."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.source = folder / "source"
        self.runtime = runtime
        self.number = 0
        self.contract = Contract(self._contract())
        self._make_folders()
        self._git("init", "--quiet", "--initial-branch=main", str(self.source))
        self.supervisor = supervised(self.folder, self.runtime, self.contract.root, self.contract.services)

    def _contract(self) -> dict[str, Any]:
        return contract(
            HERE,
            repository=str(self.source),
            root=str(self.folder / "srv"),
            runtime=str(self.runtime),
            env_file=str(self.folder / "env"),
            supervisor_config=str(self.folder / "supervisord.conf"),
            schema="compatible",
            services={
                "web": {"command": ["{venv}/bin/python", "server.py", "{socket}"], "listen": "socket", "overlap": True,
                        "boot_timeout": 8, "stop_timeout": 5, "drain": 1, "health": {}},
                "worker": {"command": ["{venv}/bin/python", "worker.py", "{shared}"], "overlap": False,
                           "stop_timeout": 5},
            },
            service_defaults={"boot_timeout": 8, "stop_timeout": 5, "drain": 1},
            health_defaults={"path": "/", "timeout": 2},
            pip_timeout=120,
            build_timeout=60,
            keep_releases=2,
            lease_ttl=60,
            confirm_timeout=60,
            wave_seconds=10,
        )  # fmt: skip

    def _make_folders(self) -> None:
        for folder in (self.contract.root, *(self.runtime / name for name in INSTANCES)):
            folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "env").write_text("SECRET='a secret of six words'\n")
        self.make_virtualenv()

    def make_virtualenv(self, agreed: Contract | None = None) -> None:
        """Make the virtualenv of no requirements, as an earlier release left it, but without pip: that costs seconds.

        How releases make theirs, the roles' tests of verification and the lab show. `agreed` differs from the host's
        contract in what the name of a virtualenv holds.
        """
        empty = self.folder / "requirements.txt"
        empty.touch()
        folder = virtualenv.place_of(agreed or self.contract, [empty], self.folder, {})
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
        (folder / ".complete").touch()

    def _git(self, *words: str) -> str:
        return subprocess.run(["git", *words], check=True, capture_output=True, text=True, timeout=30,
                              env={**os.environ, **IDENTITY}).stdout.strip()  # fmt: skip

    def commit(self, behaviour: str) -> str:
        """Commit a version that behaves so; return its commit."""
        self.number += 1
        files = {"server.py": SERVER, "worker.py": WORKER, "behaviour": behaviour, "requirements.txt": "",
                 "static/app.js": f"version {self.number}", f"static/app.{self.number}.js": "hashed"}  # fmt: skip
        for name, text in files.items():
            (self.source / name).parent.mkdir(exist_ok=True)
            (self.source / name).write_text(text)
        self._git("-C", str(self.source), "add", "--all")
        self._git("-C", str(self.source), "commit", "--quiet", "--message", f"{behaviour} {self.number}")
        return self._git("-C", str(self.source), "rev-parse", "HEAD")

    def run(self, commit: str) -> dict[str, Any]:
        """Return what the modules of a run for a commit carry; its lease has been given back."""
        self.number += 1
        facts: dict[str, Any] = {
            "id": f"run-{self.number}",
            "by": "tests",
            "kind": "deploy",
            "ref": "main",
            "tag": "",
            "reason": "",
            "commit": commit,
            "release": f"20260101T00{self.number:04d}Z-{commit[:12]}",
        }
        fence = acquire(self.contract, facts)["fence"]
        release(self.contract, facts["id"])
        return {**facts, "fence": fence}

    def prepared(self, behaviour: str = "good") -> dict[str, Any]:
        """Commit and prepare a version; return its run."""
        run = self.run(self.commit(behaviour))
        Build(self.contract, run).prepare()
        return run

    def end(self) -> None:
        """End what this host started: its watchers by their record, its services by their supervisor."""
        switch.clear(self.contract)
        self.supervisor.send_signal(signal.SIGTERM)
        self.supervisor.wait(timeout=30)


def supervised(folder: Path, runtime: Path, root: Path, services: Iterable[str]) -> subprocess.Popen[bytes]:
    """Start a supervisord for both instances of the services: its files in `folder`, its socket in `runtime`."""
    programs = "".join(
        f"[program:{service}-{instance}]\ncommand={root}/instances/{instance}/.namaskah/{service}\n"
        f'environment=NAMASKAH_INSTANCE="{instance}"\nautostart=false\nautorestart=true\nstartsecs=0\n'
        f"stdout_logfile={folder}/{service}-{instance}.log\nredirect_stderr=true\n"
        for service in services
        for instance in INSTANCES
    )
    (folder / "supervisord.conf").write_text(
        f"[supervisord]\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\n"
        f"[unix_http_server]\nfile={runtime}/s\n[supervisorctl]\nserverurl=unix://{runtime}/s\n"
        "[rpcinterface:supervisor]\n"
        f"supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n{programs}"
    )
    daemon = Path(sys.executable).parent / "supervisord"
    process = subprocess.Popen([str(daemon), "--nodaemon", "-c", str(folder / "supervisord.conf")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    until((runtime / "s").exists, "supervisord")
    return process

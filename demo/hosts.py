"""What makes a folder a host? The provisioned layout, an environment file, a process supervisor and a front.

Provisioning of a real host does this with systemd and nginx (roles/provision); here it is done without root.
"""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError
from demo.places import Places
from demo.processes import Processes

INSTANCES = ("blue", "green")
START_SECONDS = 20.0
FRONT = Path(__file__).with_name("front.py")


@dataclass(frozen=True)
class Host:
    """A make-believe host: its name in the inventory, its folders, and its front's port on the loopback address."""

    name: str
    root: Path
    sockets: Path
    port: int

    @property
    def supervisor_config(self) -> Path:
        """What the supervisor of this host reads."""
        return self.root.parent / "supervisord.conf"

    @property
    def url(self) -> str:
        """The host's front."""
        return f"http://127.0.0.1:{self.port}"


def lay_out(
    places: Places, names: Sequence[str], variables: Mapping[str, str], migrate: Mapping[str, str]
) -> list[Host]:
    """Make the folders and environment files of the hosts; all of them have the same settings."""
    ports = free_ports(len(names))
    hosts = [Host(name, places.root(name), places.sockets(name), port) for name, port in zip(names, ports, strict=True)]
    for host in hosts:
        for folder in ("releases", "venvs", "instances", "shared/assets", "host"):
            (host.root / folder).mkdir(parents=True)
        for instance in INSTANCES:
            (host.sockets / instance).mkdir(parents=True)
        write_secret(host.root / "shared" / ".env", variables)
        write_secret(host.root / "shared" / ".env.migrate", migrate)
    return hosts


def settings(url: str) -> dict[str, str]:
    """The application's environment, with secrets made up for this run."""
    return {
        "DATABASE_URL": url,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "API_TOKEN": secrets.token_urlsafe(24),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
    }


def token_of(host: Host) -> str:
    """The token of the application's service account, for the load."""
    lines = (host.root / "shared" / ".env").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("API_TOKEN="))


def write_secret(path: Path, variables: Mapping[str, str]) -> None:
    """Write an environment file that only this user can read, from its first byte on."""
    text = "".join(f'{name}="{value}"\n' for name, value in variables.items())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def start(host: Host, services: Sequence[str], logs: Path, processes: Processes, env: Mapping[str, str]) -> None:
    """Start the host's supervisor and its front; the application's programs wait for the first release."""
    host.supervisor_config.write_text(configuration(host, services, logs))
    program_file = Path(sys.executable).parent / "supervisord"
    words = [str(program_file), "--nodaemon", "--configuration", str(host.supervisor_config)]
    process = processes.start(words, log=logs / f"{host.name}-supervisord.log", env=env)
    end = time.monotonic() + START_SECONDS
    while not listens(host.port):
        if process.poll() is not None or time.monotonic() > end:
            raise DemoError(f"{host.name} did not start. Next: read {logs}/{host.name}-*.log")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Tell whether something accepts connections on the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def configuration(host: Host, services: Sequence[str], logs: Path) -> str:
    """The supervisor's configuration (supervisord.org, "Configuration File"); `%` is its own escape character."""
    front = shlex.join([sys.executable, str(FRONT), "--root", str(host.root), "--port", str(host.port)])
    parts = [
        f"[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={host.sockets}/supervisord.pid",
        # supervisorctl speaks over this socket, whose path must be short.
        f"[unix_http_server]\nfile={host.sockets}/control.sock\nchmod=0700",
        f"[supervisorctl]\nserverurl=unix://{host.sockets}/control.sock",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        program("front", front, logs / f"{host.name}-front.log", extra="autostart=true"),
    ]
    for service in services:
        for instance in INSTANCES:
            launcher = shlex.quote(f"{host.root}/instances/{instance}/.namaskah/{service}")
            extra = f'autostart=false\nenvironment=NAMASKAH_INSTANCE="{instance}"'
            log = logs / f"{host.name}-{service}-{instance}.log"
            parts.append(program(f"{service}-{instance}", launcher, log, extra=extra))
    return "\n\n".join(parts).replace("%", "%%") + "\n"


def program(name: str, command: str, log: Path, *, extra: str) -> str:
    """One program; a release that dies is started again, as systemd would, and the gate sees it."""
    return (
        f"[program:{name}]\ncommand={command}\n{extra}\nautorestart=true\nstartsecs=1\nstartretries=100\n"
        f"stopsignal=TERM\nstopwaitsecs=30\nstopasgroup=false\nkillasgroup=true\n"
        f"stdout_logfile={log}\nredirect_stderr=true"
    )

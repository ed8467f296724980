"""How is nginx told that a server leaves, and what shows that it did? The open-source nginx has no interface for it.

So a file of server lines is changed by rename, tested and reloaded. A reload lets the old worker processes finish what
they began with the old file ("worker process is shutting down" in their title): the server has left when no worker of
before takes new requests, and no connection to the server is open.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.namaskah_host.bounded import BoundedConnection
from ansible.module_utils.namaskah_host.commands import run
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import write_text
from ansible.module_utils.namaskah_host.foreign import brief, lines

from . import upstream
from .view import View

TEST = ("sudo", "-n", "/usr/sbin/nginx", "-t")
RELOAD = ("sudo", "-n", "/usr/bin/systemctl", "reload", "nginx.service")
WORKER = "nginx: worker process"
OPEN = ("01", "02")  # TCP_ESTABLISHED, TCP_SYN_SENT in /proc/net/tcp (net/tcp_states.h)
TCP_COLUMNS = 4  # number, local and remote address, state
COMMAND_SECONDS = 30
RELOAD_SECONDS = 15  # for the workers of before to stop accepting


@dataclass(frozen=True)
class Probe:
    """How this host asks whether a server is well, for nginx itself does not."""

    path: str
    host: str
    status: int
    timeout: float


@dataclass(frozen=True)
class Nginx:
    """One `address:port` in the file `include`."""

    include: Path
    server: str
    pid_file: Path
    probe: Probe

    def see(self) -> View:
        """Return whether the server is marked, whether it answers well, and what is open to it."""
        listed = upstream.servers(self._text())
        own = next((server for server in listed if server.address == self.server), None)
        if own is None:
            raise self._failure(
                "refused",
                f"it has no line `server {self.server};`"
                + (f"; there: {', '.join(server.address for server in listed)}" if listed else ""),
                f"add the line, or correct balancer_server in the inventory; nginx must read {self.include}",
            )
        others = [server.address for server in listed if server.wanted and server.address != self.server]
        complaint = _complaint(self.server, self.probe)
        return View(
            wanted=own.wanted,
            healthy=own.wanted and not complaint,
            sessions=open_connections(self.server),
            others=sum(not _complaint(address, self.probe) for address in others),
            words=("" if own.wanted else "down; ") + (complaint or "answers well"),
            faulty=complaint.startswith("answered"),
        )

    def take_out(self) -> None:
        """Mark the server `down`."""
        self._change(down=True)

    def put_back(self) -> None:
        """Take the mark away."""
        self._change(down=False)

    def _change(self, *, down: bool) -> None:
        """Write, test and reload, also where the file is right already: a run may have died before its reload."""
        before = self._text()
        self._write(upstream.marked(before, self.server, down=down))
        try:
            self._run(TEST, "test the configuration of nginx")
            workers = accepting_workers(self.pid_file)
            self._run(RELOAD, "reload nginx")
        except Failure:
            self._write(before)
            raise
        self._await_reload(workers)

    def _await_reload(self, workers: set[int]) -> None:
        end = time.monotonic() + RELOAD_SECONDS
        while left := workers & accepting_workers(self.pid_file):
            if time.monotonic() >= end:
                raise self._failure(
                    "timeout",
                    f"{len(left)} workers of before still take requests {RELOAD_SECONDS} s after a reload",
                    "read the error log of nginx: it keeps the old configuration when the new one fails",
                )
            time.sleep(0.05)

    def _text(self) -> str:
        try:
            return self.include.read_text(encoding="utf-8")
        except OSError as error:
            raise self._failure(
                "failed",
                error.strerror or str(error),
                "make the file with a line `server ADDRESS:PORT;` for each host (docs/guides/balancer.md)",
            ) from None

    def _write(self, text: str) -> None:
        try:
            write_text(self.include, text)
        except OSError as error:
            raise self._failure(
                "failed", error.strerror or str(error), "give file and folder to the deploy user: a rename replaces it"
            ) from None

    def _run(self, argv: tuple[str, ...], what: str) -> None:
        run(argv, what=what, timeout=COMMAND_SECONDS, next_step="docs/guides/balancer.md names the exact sudo lines")

    def _failure(self, kind: str, why: str, next_step: str) -> Failure:
        return Failure(kind, "change the servers of nginx", str(self.include), why, next_step)


def accepting_workers(pid_file: Path) -> set[int]:
    """Return the workers of the running master that take new requests."""
    try:
        master = pid_file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise Failure(
            "failed", "see the workers of nginx", str(pid_file), error.strerror or str(error), "is nginx running here?"
        ) from None
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            parent = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
            title = (entry / "cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ").strip()
            if parent == master and title == WORKER:
                found.add(int(entry.name))
    return found


def open_connections(server: str) -> int:
    """Return the connections of this host to `server` (address:port) that are open or being opened."""
    name, _, port = server.rpartition(":")
    try:
        known = socket.getaddrinfo(name.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise Failure(
            "refused", "find the server", server, str(error), "write balancer_server as ADDRESS:PORT"
        ) from None
    wanted = {(ipaddress.ip_address(entry[4][0]), int(port)) for entry in known}
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    return sum(count(table.read_text(encoding="ascii"), wanted) for table in tables if table.exists())


def count(table: str, wanted: set[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]) -> int:
    """Return the open connections to `wanted` in the text of /proc/net/tcp or tcp6 (proc(5))."""
    rows = [line.split() for line in lines(table)[1:]]
    return sum(row[3] in OPEN and _place(row[2]) in wanted for row in rows if len(row) >= TCP_COLUMNS)


def _place(text: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    """Return address and port of a column; the kernel prints each 32 bits of the address in the machine's order."""
    raw, _, port = text.partition(":")
    words = [int(raw[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(raw), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address, int(port, 16)


def _complaint(server: str, probe: Probe) -> str:
    """Ask a server as nginx would reach it; return what is wrong, or ""."""
    name, _, port = server.rpartition(":")
    connection = BoundedConnection(f"{name}:{port}", probe.timeout)
    try:
        connection.request("GET", probe.path, headers={"Host": probe.host or name, "Connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer GET {probe.path}: {brief(str(error))}"
    finally:
        connection.close()
    return "" if status == probe.status else f"answered GET {probe.path} with {status}, not {probe.status}"

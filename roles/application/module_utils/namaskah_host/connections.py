"""How many connections does an instance still serve, and who listens for them? By the kernel's tables."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from .contract import Contract, Service
from .foreign import lines

CONNECTED = "03"  # SS_CONNECTED in /proc/net/unix (linux/net.h)
UNIX_COLUMNS = 8  # the last one is the path
TCP_STATE = 3  # the column of the state
ESTABLISHED, LISTENING = "01", "0A"  # TCP_ESTABLISHED, TCP_LISTEN in /proc/net/tcp (net/tcp_states.h)
ACCEPTS = 0x10000  # __SO_ACCEPTCON, a flag in /proc/net/unix (linux/net.h)
TCP_USER, TCP_INODE = 7, 9  # columns


@dataclass(frozen=True)
class Listeners:
    """Who listens: the processes, of those that can be seen, and the user of a port (-1 where it is not told)."""

    pids: frozenset[int]
    user: int = -1


def listeners(contract: Contract, service: Service, instance: str) -> Listeners | None:
    """Return who listens on the socket or port of an instance; None where nobody does."""
    if service.listen == "socket":
        path = str(contract.runtime_of(instance) / f"{service.name}.sock")
        rows = (line.split(maxsplit=7) for line in lines(_table("unix"))[1:])
        found = [(row[6], -1) for row in rows if row[7:] == [path] and int(row[3], 16) & ACCEPTS]
    elif service.listen == "port":
        wanted = f":{service.ports[instance]:04X}"
        rows = (line.split() for name in ("tcp", "tcp6") for line in lines(_table(name))[1:])
        found = [(r[TCP_INODE], int(r[TCP_USER])) for r in rows if r[1].endswith(wanted) and r[TCP_STATE] == LISTENING]
    else:
        found = []
    return Listeners(_holders({f"socket:[{inode}]" for inode, _ in found}), found[0][1]) if found else None


def _holders(sockets: set[str]) -> frozenset[int]:
    """Return the processes that have one of the sockets open, of those whose descriptors may be read."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                with contextlib.suppress(OSError):
                    if str(entry.readlink()) in sockets:
                        found.add(int(folder.parent.name))
    return frozenset(found)


def _table(name: str) -> str:
    """Return one of the kernel's tables; "" where it has none, as without IPv6."""
    try:
        return Path("/proc/net", name).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def open_connections(contract: Contract, service: Service, instance: str) -> int:
    """Return the number of open connections of an instance; 0 for a service that does not listen.

    An accepted connection of a unix socket carries the path that the server bound.
    """
    if service.listen == "socket":
        path = str(contract.runtime_of(instance) / f"{service.name}.sock")
        return count_unix(_table("unix"), path)
    if service.listen == "port":
        return count_tcp("".join(map(_table, ("tcp", "tcp6"))), service.ports[instance])
    return 0


def count_unix(table: str, path: str) -> int:
    """Return the connected sockets with this path in the text of /proc/net/unix."""
    rows = (line.split(maxsplit=7) for line in lines(table)[1:])
    return sum(1 for row in rows if len(row) == UNIX_COLUMNS and row[5] == CONNECTED and row[7] == path)


def count_tcp(table: str, port: int) -> int:
    """Return the established connections to this local port in the text of /proc/net/tcp."""
    wanted = f":{port:04X}"
    rows = (line.split() for line in lines(table))
    return sum(1 for row in rows if len(row) > TCP_STATE and row[1].endswith(wanted) and row[TCP_STATE] == ESTABLISHED)

"""How many connections does an instance still serve? Counted by the kernel's tables."""

from __future__ import annotations

from pathlib import Path

from .contract import Contract, Service
from .foreign import lines

CONNECTED = "03"  # SS_CONNECTED in /proc/net/unix (linux/net.h)
UNIX_COLUMNS = 8  # the last one is the path
TCP_STATE = 3  # the column of the state
ESTABLISHED = "01"  # TCP_ESTABLISHED in /proc/net/tcp (net/tcp_states.h)


def open_connections(contract: Contract, service: Service, instance: str) -> int:
    """Return the number of open connections of an instance; 0 for a service that does not listen.

    An accepted connection of a unix socket carries the path that the server bound.
    """
    if service.listen == "socket":
        path = str(contract.runtime_of(instance) / f"{service.name}.sock")
        return count_unix(Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace"), path)
    if service.listen == "port":
        table = "".join(Path(f"/proc/net/{name}").read_text(encoding="ascii") for name in ("tcp", "tcp6"))
        return count_tcp(table, service.ports[instance])
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

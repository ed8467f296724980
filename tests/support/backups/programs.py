"""Which programs work on a cluster, and how does a test hold them where they are?"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.support.backups.cluster import Cluster


def processes(cluster: Cluster, name: str) -> list[int]:
    """Programs of that name that work on this cluster; tests of another one may run beside these as the same user."""
    found = subprocess.run(
        ["pgrep", "-u", str(cluster.user.uid), "-x", name], capture_output=True, text=True, check=False
    )
    return [pid for pid in map(int, found.stdout.split()) if _serves(pid, cluster)]


def _serves(pid: int, cluster: Cluster) -> bool:
    try:
        return f"PGSERVICEFILE={cluster.service_file}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(
            b"\0"
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


def stopped(cluster: Cluster, name: str) -> list[int]:
    """Stop all programs of that name where they are, with those that they start meanwhile."""
    found: list[int] = []
    while len(found) < len(processes(cluster, name)):
        found = processes(cluster, name)
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
    return found

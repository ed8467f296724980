"""Is there room for the next release?"""

from __future__ import annotations

from typing import Any

from testinfra.host import Host

from .facts import output


def test_disk_and_inodes_are_left(host: Host, contract: dict[str, Any]) -> None:
    """On the file system of the application's root; a file system without a count of inodes shows `-`."""
    used = output(host, "df --output=pcent,ipcent -- %s", contract["root"]).splitlines()[-1].split()
    for what, percent in zip(("bytes", "inodes"), used, strict=True):
        free = 100 - int(percent.rstrip("%")) if percent != "-" else 100
        least = contract["disk_free"]
        assert free >= least, f"{free} % of the {what} are free below {contract['root']}, at least {least} % should be"

#!/usr/bin/python3 -I
"""Which processes does a user run, from which folder, since when, as which release? Read from /proc.

It also stands alone: provisioning installs it root-owned, and the deploy user may run exactly it as the application's
user, because /proc/<pid>/cwd of another user cannot be read (proc(5), ptrace access).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def boot_time() -> float:
    """Return the time of boot in seconds since the epoch (proc(5), /proc/stat, btime)."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise OSError("/proc/stat has no btime")


def describe(pid: int, booted: float) -> dict[str, Any]:
    """Return what is known of one process; raises OSError when it is gone or not ours."""
    folder = Path("/proc") / str(pid)
    status = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
    return {
        "pid": pid,
        "parent": int(status[1]),
        "state": status[0],
        # Field 22 of stat: start after boot in clock ticks.
        "started": booted + int(status[19]) / os.sysconf("SC_CLK_TCK"),
        "cwd": _text(folder / "cwd"),
        "executable": _text(folder / "exe"),
        "files": mapped(folder),
        "environment": dict(entry.partition("=")[::2] for entry in variables if entry.startswith("NAMASKAH_")),
    }


def _text(link: Path) -> str:
    return os.fsencode(link.readlink()).decode(errors="replace")


def mapped(folder: Path) -> list[str]:
    """Return the files below a folder of releases that a process has in its memory (proc(5), maps)."""
    text = (folder / "maps").read_bytes().decode(errors="replace")
    found = {parts[5] for line in text.split("\n") if len(parts := line.split(None, 5)) == 6}  # noqa: PLR2004
    return sorted(path for path in found if "/releases/" in path)


def of_user(user: int) -> list[dict[str, Any]]:
    """Return every process of this user id, without this one."""
    booted = boot_time()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if entry.stat().st_uid == user:
                found.append(describe(int(entry.name), booted))
        except OSError:
            continue
    return found


def descendants(processes: list[dict[str, Any]], pid: int) -> list[dict[str, Any]]:
    """Return the process `pid` and all its children's children among `processes`."""
    wanted = {pid}
    grew = True
    while grew:
        more = {process["pid"] for process in processes if process["parent"] in wanted} - wanted
        grew = bool(more)
        wanted |= more
    return [process for process in processes if process["pid"] in wanted]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(of_user(os.getuid())))

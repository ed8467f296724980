"""Of which files does a release or a virtualenv consist, and was one of them changed since it was made?

A file whose size, mode and times are the recorded ones is believed; any other is read and its hash decides. The time of
the inode's last change cannot be set by hand (inode(7), ctime), so an edit that restores the modification time is seen.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .files import LOOK, Damaged, read_record, write_json

# What changes while all is well: bytecode, the link to its sockets, and the record that an earlier version kept there.
CACHES = "__pycache__"
OWN = frozenset({
    ".release.json", "run", ".namaskah/files.json", ".namaskah/published.json", ".files.json", ".complete",
})  # fmt: skip
SHOWN = 5  # names of changed files that are told; the others are counted


def entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Return every file and link below `folder` that is part of it, with its lstat(2)."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != CACHES:
                        waiting.append(Path(entry.path))
                    continue
                name = os.path.relpath(entry.path, folder)
                seen = entry.stat(follow_symlinks=False)
                plain = stat.S_ISREG(seen.st_mode) or stat.S_ISLNK(seen.st_mode)  # a running server's sockets are not
                if plain and name not in OWN and not name.endswith(".pyc"):
                    yield name, seen


_FACTS = {"stat", "mode", "sha256"}


def facts(path: Path, seen: os.stat_result) -> dict[str, Any]:
    """Return what is recorded of one entry."""
    if stat.S_ISLNK(seen.st_mode):
        return {"to": str(path.readlink())}
    return {"stat": brief(seen), "mode": stat.S_IMODE(seen.st_mode), "sha256": digest(path)}


def brief(seen: os.stat_result) -> list[int]:
    """Return what an unchanged file keeps."""
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]


def digest(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record(folder: Path, place: Path) -> None:
    """Write down of what `folder` consists, into `place`."""
    write_json(place, {name: facts(folder / name, seen) for name, seen in entries(folder)})


def differences(folder: Path, place: Path, may_change: Sequence[str] = ()) -> list[str]:
    """Return what differs from the record, such as "app.py was edited"; nothing where there is no record.

    Raises Damaged where that says nothing of files.

    `may_change` are patterns of paths that a running application writes itself.
    """
    known = read_record(place, {}, {}, LOOK)
    if known is None:
        return []
    if not all(isinstance(entry, dict) and ("to" in entry or entry.keys() >= _FACTS) for entry in known.values()):
        raise Damaged(place, "it is no record of files", LOOK)
    found = dict(entries(folder))
    told = [f"{name} is gone" for name in sorted(known.keys() - found.keys())]
    told += [f"{name} was added" for name in sorted(found.keys() - known.keys())]
    for name in sorted(known.keys() & found.keys()):
        told += changed(folder / name, name, known[name], found[name])
    return [line for line in told if not any(fnmatch.fnmatch(line.rsplit(" ", 2)[0], one) for one in may_change)]


def changed(path: Path, name: str, known: dict[str, Any], seen: os.stat_result) -> list[str]:
    """Return in which way one entry differs."""
    if ("to" in known) != stat.S_ISLNK(seen.st_mode):
        return [f"{name} was replaced"]
    if "to" in known:
        return [] if known["to"] == str(path.readlink()) else [f"{name} was re-pointed"]
    if known["mode"] != stat.S_IMODE(seen.st_mode):
        return [f"{name} was chmodded"]
    if known["stat"] == brief(seen):
        return []
    try:
        return [] if known["sha256"] == digest(path) else [f"{name} was edited"]
    except OSError:
        return [f"{name} was locked"]


def shortened(told: Sequence[str]) -> str:
    """Return the first differences, and how many there are besides."""
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return ", ".join(told[:SHOWN]) + more

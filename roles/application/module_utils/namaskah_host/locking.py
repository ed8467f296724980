"""Who holds a lock, for how long is it waited for, and who may take it? One deadline, and the holder's name at its end.

flock(2) needs no more than a descriptor that is open for reading. A file that everybody can read is therefore a lock
that everybody can hold, so the files that are locked are for their owner alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from . import workers
from .failure import Failure

WHAT = "lock the host"
MODE = 0o600
PAUSE = 0.05  # seconds between two tries


def opened(path: Path, flags: int = 0) -> int:
    """Return a descriptor of the file to be locked, made where it is missing, that no other user can open."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | flags, MODE)
    except PermissionError:
        who = pwd_name(os.geteuid())
        why = f"{who} may not write it: it belongs to {owner_of(path)}"
        raise Failure("refused", WHAT, str(path), why, f"give it to the deploy user: chown {who} {path}") from None
    _close_to_others(descriptor)
    return descriptor


def close_to_others(paths: Iterable[Path]) -> None:
    """Take from files that an earlier version made the right of others to open them; only their owner can."""
    for path in paths:
        with contextlib.suppress(OSError):
            _close_to_others(path)


def _close_to_others(file: int | Path) -> None:
    seen = os.stat(file)  # noqa: PTH116 - a descriptor as well
    if stat.S_IMODE(seen.st_mode) & 0o077 and seen.st_uid == os.geteuid():
        os.chmod(file, MODE)  # noqa: PTH101 - a descriptor as well


def taken(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if nobody has it; return whether it was got."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for(descriptor: int, path: Path, seconds: float, *, shared: bool = False) -> None:
    """Take the lock within so many seconds; raises Failure (refused) that names who has it instead."""
    end = time.monotonic() + seconds
    while not taken(descriptor, shared=shared):
        if time.monotonic() >= end:
            raise Failure(
                "refused",
                WHAT,
                str(path),
                f"another process of a release is working here: {holders(path)} has the lock, waited {seconds:g} s",
                "wait for it, or look with `namaskah-deploy status`",
            )
        time.sleep(PAUSE)


def holders(path: Path) -> str:
    """Return who has the lock of `path`, as far as /proc tells: program, process id and user of each."""
    pids = [*_by_kernel(path), *(worker.pid for worker in workers.found(path))]
    told = [name for pid in dict.fromkeys(pids) if (name := _name(pid))]
    return ", ".join(told) or "a process that cannot be seen"


def _by_kernel(path: Path) -> list[int]:
    """Return the processes that took the lock, by /proc/locks (proc(5)); a line with -> only waits."""
    try:
        seen = path.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    file = f"{os.major(seen.st_dev):02x}:{os.minor(seen.st_dev):02x}:{seen.st_ino}"
    words = [line.split() for line in lines if "->" not in line]
    return [int(entry[4]) for entry in words if len(entry) > 5 and (entry[1], entry[5]) == ("FLOCK", file)]  # noqa: PLR2004 - fields


def _name(pid: int) -> str:
    """Return how a process is called, or "" when it is gone; its words are left out, for they may be secret."""
    folder = Path("/proc") / str(pid)
    try:
        name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        return f"{name} (pid {pid}, user {pwd_name(folder.stat().st_uid)})"
    except OSError:
        return ""


def owner_of(path: Path) -> str:
    """Return the name of a file's owner, or ? where it cannot be told."""
    try:
        return pwd_name(path.stat().st_uid)
    except OSError:
        return "?"


def pwd_name(user: int) -> str:
    """Return the name of a user id, or its number."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)

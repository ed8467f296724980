"""Which processes work on this host for a run, and how are they ended? Whoever has the work lock open works.

A module opens that file and hands it on to the long commands that it runs, so the kernel itself keeps the list: it
holds the lock until the last of them is gone, whatever became of the module or of the controller.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .foreign import visible

GRACE = 10.0  # seconds between the polite signal and the kill
PAUSE = 0.1  # seconds between two looks


@dataclass(frozen=True)
class Worker:
    """A process, told apart from a later one with the same id by its start (clock ticks since boot)."""

    pid: int
    started: int
    name: str

    def as_dict(self) -> dict[str, Any]:
        """Return what is shown of it; its words are left out, for they may hold what nobody else should read."""
        ticks = os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / ticks
        return {"pid": self.pid, "program": self.name, "seconds": round(age)}


def found(lock_file: Path) -> list[Worker]:
    """Return the processes that have `lock_file` open, without this one; those of other users cannot be seen."""
    try:
        wanted = lock_file.stat()
    except FileNotFoundError:
        return []
    known = (
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()
    )
    return [worker for pid in known if (worker := _worker(pid, (wanted.st_dev, wanted.st_ino))) is not None]


def _worker(pid: int, file: tuple[int, int]) -> Worker | None:
    folder = Path("/proc") / str(pid)
    try:
        for entry in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat()
                if (status.st_dev, status.st_ino) == file:
                    return Worker(pid, _started(folder), _name(folder))
    except OSError:  # it ended meanwhile, or is somebody else's
        return None
    return None


def _name(folder: Path) -> str:
    """Return the program's name, which any process may choose freely (proc(5), comm)."""
    return visible((folder / "comm").read_text(encoding="utf-8", errors="replace").strip())


def _started(folder: Path) -> int:
    """Return field 22 of proc(5)'s stat; raises OSError when the process is gone."""
    return int((folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])


def end(lock_file: Path, grace: float = GRACE) -> list[Worker]:
    """End every process that works under `lock_file`, politely first; return those that were there."""
    ended: dict[int, Worker] = {}
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        until = time.monotonic() + seconds
        told: set[int] = set()
        while (left := found(lock_file)) and time.monotonic() < until:
            for worker in left:
                if worker.pid not in told:
                    told.add(worker.pid)
                    ended[worker.pid] = worker
                    _send(worker, number)
            time.sleep(PAUSE)
    return list(ended.values())


def _send(worker: Worker, number: int) -> None:
    """Send a signal to this very process: the descriptor cannot come to mean another one (pidfd_open(2))."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(worker.pid)
        try:
            if _started(Path("/proc") / str(worker.pid)) == worker.started:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)

"""How does the demo end everything that it started, also after a kill -9 of itself?

Servers die with the demo (a signal from the kernel), and a record of process id and start time lets the next run
end what is left. `guard` takes care of the rest.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)
PATIENCE = 15.0  # seconds between the asking signal and the killing one
CLOCK_SLACK = 0.05  # seconds; start times are read from the kernel with a resolution of 0.01


class Processes:
    """The servers of one run, in the order of their start."""

    def __init__(self, record: Path, runtime: Path) -> None:
        self.record = record
        self.runtime = runtime
        self.started: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._write()

    def start(
        self,
        words: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str],
        end_by: signal.Signals = signal.SIGTERM,
    ) -> subprocess.Popen[bytes]:
        """Start a server whose output goes to `log`; `end_by` is the signal that ends it in good order."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=dict(env),
                start_new_session=True,  # a Ctrl-C at the terminal reaches the demo, which ends all in good order
                preexec_fn=partial(die_with_parent, end_by),  # noqa: PLW1509 - no thread runs yet
            )
        self.started.append((process, end_by))
        self._write()
        return process

    def end(self) -> None:
        """End all servers, the last one first, and whatever else this process started."""
        for process, sign in reversed(self.started):
            with suppress(ProcessLookupError):
                process.send_signal(sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        end_all(psutil.Process().children(recursive=True))

    def _write(self) -> None:
        entries = [_entry(process.pid) for process, _ in self.started if process.poll() is None]
        state = {"runtime": str(self.runtime), "processes": [entry for entry in entries if entry]}
        temporary = self.record.with_suffix(".new")
        temporary.write_text(json.dumps(state, indent=2))
        temporary.replace(self.record)


def die_with_parent(sign: signal.Signals) -> None:
    """Ask the kernel to send `sign` to this process when its parent ends, even by kill -9."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sign), 0, 0, 0)


def _entry(pid: int) -> dict[str, Any]:
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {}


def read_record(record: Path) -> tuple[Path | None, list[psutil.Process]]:
    """The short folder of the run that wrote `record`, and those of its processes that still live."""
    try:
        state = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        return None, []
    found = []
    for entry in state["processes"]:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["started"]) < CLOCK_SLACK:
                found.append(process)
    return Path(state["runtime"]), found


def running_from(folder: Path) -> list[psutil.Process]:
    """This user's processes whose program or script lies on one of the make-believe hosts below `folder`."""
    beginnings = tuple(f"{folder}/{host}/" for host in ("app1", "app2"))
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            ours = process.uids().real == os.getuid()
            if ours and any(word.startswith(beginnings) for word in process.cmdline()[:2]):
                found.append(process)
    return found


def end_all(processes: Sequence[psutil.Process]) -> None:
    """Ask the processes and their descendants to end; kill what has not ended in time."""
    family = {child.pid: child for process in processes for child in [process, *_descendants(process)]}
    family.pop(os.getpid(), None)
    for process in family.values():
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(list(family.values()), timeout=PATIENCE)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=PATIENCE)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []

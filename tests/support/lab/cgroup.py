"""Which processes belong to a host, and how all of them end at once.

Each host runs in its own control group (version 2), so two hosts never share one, processes are
found without pid files, and `cgroup.kill` is a power cut that nothing survives
(kernel documentation, admin-guide/cgroup-v2, "cgroup.kill").
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.lab.command import run
from tests.support.lab.errors import LabError, LabUnavailableError

_PREFIX = "namaskah-lab"
_EMPTY_SECONDS = 10.0
# The shell enters the group before the program exists in it; `setsid --fork` cuts every tie to us.
_ENTER = 'echo 0 >"$1/cgroup.procs" && log=$2 && shift 2 && exec setsid --fork "$@" </dev/null >>"$log" 2>&1'


def unified_mount() -> Path:
    """Give the place of the version 2 hierarchy; raises LabUnavailableError when none can be written."""
    for target, kind, options in _mounts():
        if kind == "cgroup2" and "rw" in options:
            return target
    raise LabUnavailableError("no writable cgroup2 file system is mounted (hosts run in control groups of their own)")


def _legacy_mount() -> Path | None:
    """Where systemd's named version 1 hierarchy is mounted, on machines that still have both."""
    return next((target for target, kind, options in _mounts() if kind == "cgroup" and "name=systemd" in options), None)


def _mounts() -> list[tuple[Path, str, list[str]]]:
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [(Path(words[1]), words[2], words[3].split(",")) for words in lines]


class ControlGroup:
    """A control group of one lab and part (a host, `services` or `watch`)."""

    def __init__(self, lab: str, part: str) -> None:
        self._name = Path(f"{_PREFIX}-{lab}") / part
        self.path = unified_mount() / self._name

    def start(self, argv: list[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start `argv` in this group, detached from us, its output added to `log`."""
        self.path.mkdir(parents=True, exist_ok=True)
        run(["sh", "-c", _ENTER, "sh", str(self.path), str(log), *argv], env=env)

    def pids(self) -> list[int]:
        """Process ids (as the controller sees them) in this group and below."""
        found: list[int] = []
        for folder in _folders(self.path):  # They come and go while we look.
            try:
                found += [int(word) for word in (folder / "cgroup.procs").read_text().split()]
            except OSError:
                continue
        return found

    def wait_empty(self, seconds: float) -> bool:
        """Whether the last process ended within `seconds`."""
        deadline = time.monotonic() + seconds
        while self.pids():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def kill(self) -> None:
        """Kill every process at once; returns when all are gone."""
        if not self.path.is_dir():
            return
        (self.path / "cgroup.kill").write_text("1")
        if not self.wait_empty(15):
            raise LabError(f"processes survive SIGKILL in {self.path}: {self.pids()}; look at `ps -o pid,stat,wchan`")

    def leave(self) -> None:
        """Move this process out of the group, if it is in it."""
        if os.getpid() in self.pids():
            (unified_mount() / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self) -> None:
        """Kill what is left and delete the group, and the lab's when this was its last part."""
        self.kill()
        _remove_tree(self.path)
        legacy = _legacy_mount()
        if legacy:
            _remove_tree(legacy / self._name)  # systemd-nspawn keeps a copy there.


def _folders(top: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(top)]


def _remove_tree(top: Path) -> None:
    end = time.monotonic() + _EMPTY_SECONDS
    while True:
        try:
            for folder in reversed(_folders(top)):
                folder.rmdir()
            break
        except OSError:
            # A killed process leaves its group a moment after its end.
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    with suppress(OSError):  # The lab has other parts, or one that is removed now did it.
        top.parent.rmdir()

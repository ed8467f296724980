"""Which processes belong to a host, and how all of them end at once.

Each host runs in its own control group (version 2), so two hosts never share one, processes are
found without pid files, and `cgroup.kill` is a power cut that nothing survives
(kernel documentation, admin-guide/cgroup-v2, "cgroup.kill").
"""

import time
from pathlib import Path

from tests.lab.command import run
from tests.lab.errors import LabError, LabUnavailableError

_PARENT = "namaskah-lab"
# The shell enters the group before the program exists in it; `setsid --fork` cuts every tie to us.
_ENTER = 'echo 0 >"$1/cgroup.procs" && log=$2 && shift 2 && exec setsid --fork "$@" </dev/null >>"$log" 2>&1'


def unified_mount() -> Path:
    """Where the version 2 hierarchy is mounted; raises LabUnavailableError when it is not."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(target)
    raise LabUnavailableError("no writable cgroup2 file system is mounted (hosts run in control groups of their own)")


class ControlGroup:
    """A control group below `namaskah-lab/`, named by lab and part (a host, or `services`)."""

    def __init__(self, lab: str, part: str) -> None:
        self.path = unified_mount() / _PARENT / lab / part

    def start(self, argv: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        """Start `argv` in this group, detached from us, its output added to `log`."""
        self.path.mkdir(parents=True, exist_ok=True)
        run(["sh", "-c", _ENTER, "sh", str(self.path), str(log), *argv], env=env)

    def pids(self) -> list[int]:
        """Process ids (as the controller sees them) in this group and below."""
        found: list[int] = []
        for listing in self.path.rglob("cgroup.procs"):
            try:
                found += [int(word) for word in listing.read_text().split()]
            except OSError:  # The group went away between the listing and the read.
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

    def remove(self) -> None:
        """Kill what is left and delete the group, and its parents where nothing else uses them."""
        self.kill()
        for folder in sorted((p for p in self.path.rglob("*") if p.is_dir()), reverse=True):
            folder.rmdir()
        for folder in (self.path, self.path.parent, self.path.parent.parent):
            if not folder.is_dir() or any(child.is_dir() for child in folder.iterdir()):
                return
            folder.rmdir()

"""How a host's operating system is started, entered and stopped: systemd-nspawn with systemd as PID 1.

`--register=no --keep-unit`: PID 1 of the controller need not be systemd.
"""

import time
from pathlib import Path

from tests.support.lab.cgroup import ControlGroup
from tests.support.lab.errors import LabError

_STEP_SECONDS = 0.05
# With --keep-unit the program ends with status 133 when its host reboots, for a supervisor to start it
# again (systemd-nspawn(1), and the unit systemd-nspawn@.service).
_SUPERVISE = 'while "$@"; test $? -eq 133; do :; done'


class Machine:
    """The processes of one host: everything is found through its control group, nothing is remembered."""

    def __init__(self, name: str, namespace: str, group: ControlGroup, console: Path) -> None:
        self._name = name
        self._namespace = namespace
        self._group = group
        self._console = console

    def start(self, root: Path) -> None:
        """Boot the tree at `root`; returns when PID 1 exists."""
        argv = ["sh", "-c", _SUPERVISE, "sh"]
        argv += ["systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "--keep-unit", "--boot"]
        # A name of its own: hosts of one name would share nspawn's folders under /run.
        argv += [
            f"--machine={self._namespace}",
            f"--network-namespace-path=/run/netns/{self._namespace}",
            f"--hostname={self._name}",
        ]
        argv += ["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe"]
        self._group.start(argv, self._console, env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        self.wait_for_leader(15)

    def leader(self) -> int | None:
        """The controller's id of the host's PID 1, None while it is off."""
        return next((pid for pid in self._group.pids() if _is_init(pid)), None)

    def wait_for_leader(self, seconds: float, other_than: int | None = None) -> int:
        """Wait for PID 1 (a new one, after a reboot); raises LabError with the console's end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid = self.leader()
            if pid is not None and pid != other_than:
                return pid
            time.sleep(_STEP_SECONDS)
        raise LabError(f"host {self._name} has no PID 1 after {seconds:g} s; its console says:\n{self.console_tail()}")

    def entry(self) -> list[str]:
        """The words that run a command inside the host without its network; raises LabError when it is off."""
        pid = self.leader()
        if pid is None:
            raise LabError(f"host {self._name} is off; boot() it first")
        clean = ["env", "-i", "HOME=/root", "USER=root", "LANG=C.UTF-8"]
        return ["nsenter", f"--target={pid}", "--all", "--root", "--wd", *clean, _PATH]

    def cut_power(self) -> None:
        """End every process at once."""
        self._group.kill()

    def wait_off(self, seconds: float) -> None:
        if not self._group.wait_empty(seconds):
            raise LabError(f"host {self._name} still runs {seconds:g} s after it was told to power off")

    def remove(self) -> None:
        self._group.remove()

    def console_tail(self, lines: int = 20) -> str:
        """The end of what the host printed while booting."""
        try:
            return "\n".join(self._console.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(nothing)"


_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _is_init(pid: int) -> bool:
    """Whether `pid` is number 1 of a process namespace below ours (proc(5), NSpid)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    ids = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(ids) > 1 and ids[-1] == "1"

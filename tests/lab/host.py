"""What can be done with a host of the lab: boot it, use it, and hurt it."""

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.command import run
from tests.lab.disk import Disk
from tests.lab.errors import LabError
from tests.lab.host_files import write_identity, write_names, write_pip_conf
from tests.lab.keys import Keys
from tests.lab.machine import Machine
from tests.lab.network import Port
from tests.lab.state import HostRecord

_READY_SECONDS = 60
Completed = subprocess.CompletedProcess[str]


class Host:
    """A real Debian host. `name` resolves on its neighbours, `address` on the lab's bridge.

    `ssh` goes the way an operator goes; `run` enters from below and works without a network.
    """

    def __init__(
        self,
        record: HostRecord,
        neighbours: list[HostRecord],
        keys: Keys,
        port: Port,
        disk: Disk,
        machine: Machine,
    ) -> None:
        self.record = record
        self._neighbours = neighbours
        self.name = record.name
        self.address = record.address
        self._keys = keys
        self._port = port
        self._disk = disk
        self._machine = machine

    @property
    def root_dir(self) -> Path:
        """The host's disk as the controller sees it (not the tmpfs mounts made inside)."""
        return self._disk.root

    # -- life ------------------------------------------------------------------------------------

    def create(self) -> None:
        """Make network and disk; the host is then off and as new."""
        self._port.create()
        self._format()

    def boot(self, *, wait: bool = True) -> None:
        """Power on; a running host stays as it is."""
        if not self.running:
            self._disk.mount()
            self._machine.start(self.root_dir)
        if wait:
            self.wait_ready()

    @property
    def running(self) -> bool:
        return self._machine.leader() is not None

    def wait_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until systemd has finished booting and sshd answers; raises LabError with the reason."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.system_state() in ("running", "degraded") and self._sshd_listens():
                return
            time.sleep(0.1)
        raise LabError(
            f"host {self.name} is not ready after {seconds:g} s (systemd: {self.system_state() or 'no answer'}); "
            f"its console says:\n{self._machine.console_tail()}"
        )

    def system_state(self) -> str:
        """systemd's word for the whole: running, degraded, starting ... (systemctl(1)); empty when off."""
        if not self.running:
            return ""
        return self.run(["systemctl", "is-system-running"], check=False).stdout.strip()

    def power_off(self, *, hard: bool = True) -> None:
        """Cut the power (`hard`) or shut down in order. The disk is kept either way."""
        if hard:
            self._machine.cut_power()
        elif self.running:
            self.run(["systemctl", "poweroff"], check=False)
            self._machine.wait_off(60)

    def reboot(self, *, hard: bool = False) -> None:
        """Restart and wait until ready; `hard` is a power cut and a boot. The disk is kept."""
        if hard:
            self.power_off()
            return self.boot()
        before = self._machine.leader()
        self.run(["systemctl", "reboot"], check=False)
        self._machine.wait_for_leader(90, other_than=before)
        return self.wait_ready()

    def reset(self) -> None:
        """Throw away everything ever written on this host and boot it as new, with the same identity."""
        self.power_off()
        self.restore_network()
        self._disk.erase()
        self._format()
        self.boot()

    def remove(self) -> None:
        """Take the host away; parts that are already gone are not missed."""
        self._machine.remove()
        self._disk.unmount()
        self._port.remove()

    def _format(self) -> None:
        self._disk.mount()
        write_identity(self.root_dir, self.record, self._keys)
        write_pip_conf(self.root_dir, self._port.network)
        self.write_names()

    def write_names(self) -> None:
        """Write the names of all hosts of the lab into /etc/hosts."""
        write_names(self.root_dir, self.record, self._neighbours, self._port.network)

    # -- use -------------------------------------------------------------------------------------

    def ssh(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        check: bool = True,
        timeout: float = 120,
        stdin: str | None = None,
    ) -> Completed:
        """Run `argv` over SSH as `user`; raises LabError with `check` when its status is not 0."""
        login: list[str | Path] = ["ssh", "-F", self._keys.ssh_config, "-o", "BatchMode=yes", f"{user}@{self.name}"]
        return run([*login, "--", shlex.join(argv)], check=check, timeout=timeout, stdin=stdin)

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout: float = 120, stdin: str | None = None
    ) -> Completed:
        """Run `argv` as root inside the host without its network (from the controller's kernel)."""
        return run([*self._machine.entry(), *argv], check=check, timeout=timeout, stdin=stdin)

    def start(self, *units: str) -> None:
        """Start `units` now and at every boot (PostgreSQL, nginx and haproxy are off in the base)."""
        self.run(["systemctl", "enable", "--now", *units])

    def read(self, path: str) -> str:
        """Text of a file on the host."""
        return self.run(["cat", "--", path]).stdout

    def write(self, path: str, text: str, *, mode: str = "0644", owner: str = "root", group: str = "root") -> None:
        """Make or replace a file on the host, and its folder."""
        install = ["install", "-D", "-m", mode, "-o", owner, "-g", group, "/dev/stdin", path]
        self.run(install, stdin=text)

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or folder to the host with rsync over SSH (a folder's content, without the folder)."""
        self._rsync(f"{source}/" if source.is_dir() else str(source), f"{self.name}:{target}")

    def copy_out(self, source: str, target: Path) -> None:
        """Copy from the host; `source` in rsync's notation (a final `/` means the content)."""
        self._rsync(f"{self.name}:{source}", str(target))

    def _rsync(self, source: str, target: str) -> None:
        shell = shlex.join(["ssh", "-F", str(self._keys.ssh_config)])
        run(["rsync", "-a", "--protect-args", "-e", shell, source, target], timeout=300)

    # -- harm ------------------------------------------------------------------------------------

    def kill(self, pid: int, signal: str = "KILL") -> None:
        """Send `signal` to process `pid` (the host's number for it)."""
        self.run(["kill", f"-{signal}", str(pid)])

    def cut_network(self, *, silent: bool = False) -> None:
        """Pull the cable, or with `silent` let every packet vanish. Open connections may outlive it."""
        if silent:
            self._port.drop_packets()
        else:
            self._port.set_link("down")

    def restore_network(self) -> None:
        """Undo cut_network and slow_network."""
        self._port.set_link("up")
        self._port.pass_packets()
        self._port.full_rate()

    def slow_network(self, kilobits: int) -> None:
        """Limit what the host sends to `kilobits` per second."""
        self._port.limit_rate(kilobits)

    def limit_disk(self, path: str, megabytes: int) -> None:
        """Put folder `path` on a small file system of its own, with its content, owner and mode."""
        owner, group, mode = self.run(["stat", "-c", "%u %g %a", path]).stdout.split()
        options = f"size={megabytes}m,uid={owner},gid={group},mode={mode}"
        self.run(["mkdir", "-p", "/run/lab-limit"])
        self.run(["mount", "--bind", path, "/run/lab-limit"])
        self.run(["mount", "-t", "tmpfs", "-o", options, "lab-limit", path])
        self.run(["cp", "-a", "/run/lab-limit/.", path])
        self.run(["umount", "/run/lab-limit"])

    def unlimit_disk(self, path: str) -> None:
        """Undo limit_disk; what was written there since is lost."""
        self.run(["umount", "--lazy", path])

    def fill_disk(self, path: str, leave_kilobytes: int = 0) -> None:
        """Fill the file system of folder `path` (limited before) but for `leave_kilobytes`."""
        kind = self.run(["stat", "-f", "-c", "%T", path]).stdout.strip()
        if kind != "tmpfs":
            raise LabError(f"{path} on {self.name} lies on the whole machine's disk; limit_disk() it first")
        free = int(self.run(["df", "--output=avail", "-k", path]).stdout.split()[-1]) - leave_kilobytes
        if free > 0:
            self.run(["fallocate", "-l", f"{free}K", f"{path}/.lab-filler"])

    def empty_disk(self, path: str) -> None:
        """Undo fill_disk."""
        self.run(["rm", "-f", f"{path}/.lab-filler"])

    def _sshd_listens(self) -> bool:
        return self.run(["systemctl", "is-active", "--quiet", "ssh.service"], check=False).returncode == 0

"""What a host's life is: made, booted, powered off, made as new, removed."""

import time
from pathlib import Path

from tests.support.lab.disk import Disk
from tests.support.lab.errors import LabError
from tests.support.lab.faults import Faults
from tests.support.lab.habits import write_habits
from tests.support.lab.host_files import write_identity, write_kept, write_names, write_pip_conf, write_sources
from tests.support.lab.keys import Keys
from tests.support.lab.machine import Machine
from tests.support.lab.network import Port
from tests.support.lab.state import HostRecord

_READY_SECONDS = 60


class Host(Faults):
    """A real Debian host. `name` resolves on its neighbours, `address` on the lab's bridge.

    `neighbours` is the lab's list of all its hosts, which may grow.
    """

    def __init__(
        self, record: HostRecord, *, neighbours: list[HostRecord], keys: Keys, port: Port, disk: Disk, machine: Machine
    ) -> None:
        super().__init__(record.name, keys, machine, port)
        self.record = record
        self.address = record.address
        self._neighbours = neighbours
        self._disk = disk

    @property
    def root_dir(self) -> Path:
        """The host's disk as the controller sees it (not the tmpfs mounts made inside)."""
        return self._disk.root

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
        """Give systemd's word for the whole: running, degraded, starting ... (systemctl(1)); empty when off."""
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
        self.blank()
        self.boot()

    def blank(self) -> None:
        """Power off and throw away everything ever written on this host; its disk is mounted, to be written to."""
        self.power_off()
        self.restore_network()
        self._disk.erase()
        self._format()

    def keep(self, folder: Path) -> None:
        """Put the disk of a host that is off away in `folder`, for other hosts to begin with."""
        if self.running:
            raise LabError(f"host {self.name} runs; power it off first")
        self._disk.put_away(folder)

    def remove(self) -> None:
        """Take the host away; parts that are already gone are not missed."""
        self._machine.remove()
        self._disk.unmount()
        self._port.remove()

    def _format(self) -> None:
        self._disk.mount()
        if self.record.kept:
            write_kept(self.root_dir, Path(self.record.kept), self._port.network, self._keys)
        write_identity(self.root_dir, self.record, self._keys)
        write_sources(self.root_dir, self.record, self._port.network)
        write_pip_conf(self.root_dir, self._port.network)
        if self.record.as_found and not self.record.kept:
            write_habits(self.root_dir)
        self.write_names()

    def write_names(self) -> None:
        """Write the names of all hosts of the lab into /etc/hosts."""
        write_names(self.root_dir, self.record, self._neighbours, self._port.network)

    def _sshd_listens(self) -> bool:
        return self.run(["systemctl", "is-active", "--quiet", "ssh.service"], check=False).returncode == 0

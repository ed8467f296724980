"""What can go wrong with a host, for real: killed processes, a cut or slow network, a full disk."""

from tests.support.lab.access import Access
from tests.support.lab.errors import LabError
from tests.support.lab.keys import Keys
from tests.support.lab.machine import Machine
from tests.support.lab.network import Port


class Faults(Access):
    """A host that can be hurt; each method but `kill` has one that undoes it."""

    def __init__(self, name: str, keys: Keys, machine: Machine, port: Port) -> None:
        super().__init__(name, keys, machine)
        self._port = port

    def kill(self, pid: int, signal: str = "KILL") -> None:
        """Send `signal` to process `pid` (the host's number for it)."""
        self.run(["kill", f"-{signal}", str(pid)])

    def cut_network(self, *, silent: bool = False) -> None:
        """Pull the cable, or with `silent` let every packet vanish. Open connections may outlive it."""
        if silent:
            self._port.drop_packets()
        else:
            self._port.set_link("down")

    def lose_controller(self) -> None:
        """Let every packet between the host and the controller vanish; hosts reach each other and their database."""
        self._port.drop_controller()

    def restore_network(self) -> None:
        """Undo cut_network, lose_controller and slow_network."""
        self._port.set_link("up")
        self._port.pass_packets()
        self._port.full_rate()

    def slow_network(self, kilobits: int) -> None:
        """Limit what the host sends to `kilobits` per second."""
        self._port.limit_rate(kilobits)

    def silence_names(self) -> None:
        """Let name servers answer nothing: questions go to the controller, and no answer or refusal comes back."""
        self.run(["cp", "--archive", "/etc/resolv.conf", "/root/resolv.conf"], check=False)
        self.write("/etc/resolv.conf", f"nameserver {self._port.network.controller}\n")
        self._port.drop_names()

    def answer_names(self) -> None:
        """Undo silence_names."""
        self.run(["rm", "-f", "/etc/resolv.conf"])
        self.run(["mv", "/root/resolv.conf", "/etc/resolv.conf"], check=False)
        self._port.pass_packets()

    def limit_disk(self, path: str, megabytes: int) -> None:
        """Put folder `path` on a small file system of its own, with its content, owner and mode."""
        owner, group, mode = self.run(["stat", "-c", "%u %g %a", path]).stdout.split()
        options = f"size={megabytes}m,uid={owner},gid={group},mode={mode}"
        self.run(["mkdir", "-p", "/run/lab-limit"])
        self.run(["mount", "--bind", "--make-private", path, "/run/lab-limit"])
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

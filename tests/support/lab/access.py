"""How a host is used: the way an operator goes (SSH), and from below, which works without a network."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.lab.command import run
from tests.support.lab.keys import Keys
from tests.support.lab.machine import Machine

Completed = subprocess.CompletedProcess[str]


class Access:
    """Commands and files on the host `name`; each method raises LabError when its work fails."""

    def __init__(self, name: str, keys: Keys, machine: Machine) -> None:
        self.name = name
        self._keys = keys
        self._machine = machine

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

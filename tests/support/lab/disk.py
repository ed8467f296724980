"""What a host's disk is: an overlay whose lower part is the shared base and whose upper part is its own.

The upper part lives until the host is reset or removed: a power cut or reboot keeps it.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.lab.command import run
from tests.support.lab.errors import LabError


class Disk:
    """The disk of one host in `folder`, on top of the trees that `lower` gives (uppermost first)."""

    def __init__(self, folder: Path, lower: Callable[[], list[Path]]) -> None:
        self._folder = folder
        self._lower = lower
        self.root = folder / "root"

    def mount(self) -> None:
        """Make the disk visible at `root`; a mounted one stays as it is."""
        if os.path.ismount(self.root):
            return
        for part in ("root", "upper", "work"):
            (self._folder / part).mkdir(parents=True, exist_ok=True, mode=0o755)
        lower = ":".join(str(path) for path in self._lower())
        options = f"lowerdir={lower},upperdir={self._folder / 'upper'},workdir={self._folder / 'work'}"
        run(["mount", "-t", "overlay", "namaskah-lab", "-o", options, self.root])

    def unmount(self) -> None:
        if os.path.ismount(self.root):
            run(["umount", self.root])

    def put_away(self, folder: Path) -> None:
        """Move all that the host ever wrote to `folder`, where other disks can begin with it; this one is as new."""
        self.unmount()
        run(["mv", self._folder / "upper", folder])  # keeps marks of the overlay also where it has to copy
        shutil.rmtree(self._folder / "work")

    def erase(self) -> None:
        """Throw away all that the host ever wrote."""
        self.unmount()
        if os.path.ismount(self.root):
            raise LabError(f"{self.root} is mounted twice; unmount it by hand")
        for part in ("upper", "work"):
            shutil.rmtree(self._folder / part, ignore_errors=True)

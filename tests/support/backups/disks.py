"""Small file systems of a test's own, and how they fill up."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.absence import report_absence


@contextmanager
def disk(options: str) -> Iterator[Path]:
    """A file system of its own for the block; it is filled and seen by whoever is root."""
    if os.geteuid() != 0:
        report_absence("mounting a small file system needs root")
    with tempfile.TemporaryDirectory(prefix="namaskah-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def fill_up(folder: Path, left: int = 0) -> Path:
    """Leave `left` bytes on the file system of `folder`; the file that takes the others."""
    filler, state = folder / "filler", os.statvfs(folder)
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, state.f_bavail * state.f_frsize - left)
    return filler

"""Where are the files that git LFS keeps elsewhere? Fetched into the copy where the inventory says so, and proved.

A pointer names content by its SHA-256 (git-lfs, docs/spec.md), so nobody has to be believed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import content
from .failure import Failure

# A pointer is smaller than 1024 bytes, and `version` is its first line.
POINTER = re.compile(
    rb"version https?://(git-lfs|hawser)\.github\.com/spec/v\d+\r?\n(.*\n)*oid sha256:(?P<oid>[0-9a-f]{64})"
)
LONGEST = 1024


def is_pointer(data: bytes) -> bool:
    """Whether a file that holds or begins with `data`, of which LONGEST bytes are enough, is a pointer."""
    return len(data) < LONGEST and POINTER.match(data) is not None


def pointers(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and content's SHA-256 of each file below `folder` that is a pointer."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            seen = path.lstat()
            if path.is_symlink() or seen.st_size >= LONGEST:
                continue
            if found := POINTER.match(path.read_bytes()):
                yield str(path.relative_to(folder)), found["oid"].decode()


def fill(folder: Path, copy: Path) -> None:
    """Put what the copy of the repository has in the place of each pointer below `folder`. Raises Failure."""
    for name, oid in list(pointers(folder)):
        place, kept = folder / name, copy / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        if not kept.is_file() or content.digest(kept) != oid:
            why = f"{name} stands for content {oid[:12]}, which was not fetched"
            next_step = "push it (`git lfs push --all`), and let the deploy user read it"
            raise Failure("failed", "fetch what git LFS keeps", str(folder), why, next_step)
        mode = place.stat().st_mode
        shutil.copyfile(kept, place)
        place.chmod(mode)

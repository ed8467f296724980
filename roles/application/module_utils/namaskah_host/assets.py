"""Which collected files of older releases may go? Old pages ask for them; a pool keeps them for days, within a size."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .contract import Contract
from .files import read_json
from .release import Release, all_of, current, last_good_before

DAY = 86400.0  # seconds
MIB = 2**20


def pool_of(contract: Contract) -> Path:
    """Return the folder that holds every release's files under the paths that pages name."""
    folder: Path = contract.shared / "assets" / contract.static_url.strip("/")
    return folder


def names_of(release: Release) -> list[str]:
    """Return the names of a release's collected files."""
    return list(read_json(release.folder / ".namaskah" / "static.json") or {})


def refresh(contract: Contract) -> None:
    """Let the age of the live release's files, and of those it replaced, count from now: until now pages named them."""
    for release in filter(None, (current(contract), last_good_before(contract))):
        for name in names_of(release):
            with contextlib.suppress(FileNotFoundError):
                os.utime(pool_of(contract) / name)


def drop(contract: Contract) -> int:
    """Remove what no release of the last days had, and the oldest beyond the pool's size; return how many went.

    Files of releases on this host always stay.
    """
    safe = {str(pool_of(contract) / name) for release in all_of(contract) for name in names_of(release)}
    found = sorted((seen.st_mtime, seen.st_size, path) for path, seen in files(contract.shared / "assets"))
    total = sum(size for _, size, _ in found)
    oldest = time.time() - contract.keep_assets_days * DAY
    room = contract.raw.get("keep_assets_mib", 0) * MIB
    count = 0
    for modified, size, path in found:
        if path not in safe and (modified < oldest or (room and total > room)):
            Path(path).unlink()
            total -= size
            count += 1
    return count


def files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Return every file below `folder` with its stat(2)."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118 - compared with thousands of others
            yield path, os.stat(path)  # noqa: PTH116 - see above

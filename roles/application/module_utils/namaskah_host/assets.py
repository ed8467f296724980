"""Which collected files does a host keep for pages of other releases, and which may go?

A pool has every release's files under the paths that pages name, for days and within a size. A release's own come into
it shortly before the first host switches, and go again if it does not stay.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .contract import Contract
from .failure import Failure
from .files import LOOK, read_json, read_record, write_json
from .release import Release, all_of, current, last_good_before

DAY = 86400.0  # seconds
MIB = 2**20
# A folder of that name, a file where a folder has to be, a name too long: pages of the release have their own file.
PLACELESS = (errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR)
NEW = ".new"  # the folder, beside what is served, in which a file is until it is whole
SERVED = ("provisional", "live", "superseded")  # states of a release whose pages people have


def pool_of(contract: Contract) -> Path:
    """Return the folder that holds every release's files under the paths that pages name."""
    folder: Path = contract.shared / "assets" / contract.static_url.strip("/")
    return folder


def names_of(release: Release) -> list[str]:
    """Return the names of a release's collected files."""
    return list(read_record(release.folder / ".namaskah" / "static.json", {}, {}, LOOK) or {})


def publish(contract: Contract, release: Release) -> list[str]:
    """Add a release's files to the pool; return the names that have no place there.

    What it brings is written down before, so that it can be taken out again whatever happens. Raises Failure where
    that, or a file, cannot be written: a release is not switched to on a full disk.
    """
    pool, names = pool_of(contract), names_of(release)
    brought = {name for name in names if not os.path.lexists(pool / name)}
    try:
        write_json(_note(release), sorted(_brought(release) | brought))
        return fill(release.folder / contract.static_root, pool, names)
    except OSError as error:
        next_step = f"see `df -h {contract.root}` and the rights there, make room, and release again"
        raise Failure("failed", "publish the static files", str(pool), str(error), next_step) from None


def _note(release: Release) -> Path:
    """Return the file that says what a release has brought into the pool; it is no part of it (content.OWN)."""
    return release.folder / ".namaskah" / "published.json"


def _brought(release: Release) -> set[str]:
    """Return what a release has brought into the pool; nothing where that cannot be read."""
    try:
        return set(read_json(_note(release)) or ())
    except (Failure, OSError, TypeError):
        return set()


def fill(root: Path, pool: Path, names: Iterable[str]) -> list[str]:
    """Add files below `root` to the pool; what is there is never overwritten.

    Return the names that have no place there, for an older release has a folder where they are files, or the reverse.
    """
    new = pool.with_name(NEW)
    shutil.rmtree(new, ignore_errors=True)  # of a run that was killed
    new.mkdir(parents=True)
    without = []
    for name in names:
        try:
            placed = _put(root / name, pool / name, new)
        except OSError as error:
            if error.errno not in PLACELESS:
                raise
            placed = False
        if not placed:
            without.append(name)
    shutil.rmtree(new, ignore_errors=True)
    return without


def _put(source: Path, place: Path, new: Path) -> bool:
    """Add one file to the pool by way of the folder `new`; return False where something else has its place."""
    if place.is_file():
        os.utime(place)  # its age counts from the last release that has it
        return True
    if not source.is_file():  # an older release may have collected its files elsewhere
        return True
    place.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(place):
        return False
    shutil.copyfile(source, new / "file")
    (new / "file").replace(place)
    return True


def withdraw(contract: Contract) -> int:
    """Take out of the pool what releases brought that failed, returned or were never switched to; return how many went.

    What a release has that served, and is kept, stays.
    """
    live, releases = current(contract), all_of(contract)
    stay = [release for release in releases if release.record["state"] in SERVED or (live and release.id == live.id)]
    gone = [release for release in releases if release not in stay and _note(release).exists()]
    kept = {name for release in stay for name in names_of(release)} if gone else set()
    count = sum(_take_out(pool_of(contract), name) for release in gone for name in _brought(release) - kept)
    for release in releases:
        if release.record["state"] != "provisional":  # it has stayed, or what it brought is gone
            _note(release).unlink(missing_ok=True)
    return count


def _take_out(pool: Path, name: str) -> bool:
    """Remove a file and the folders that it leaves empty; return whether it was there."""
    try:
        (pool / name).unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    with contextlib.suppress(OSError):  # a folder that holds something more
        for folder in (pool / name).parents:
            if folder == pool:
                break
            folder.rmdir()
    return True


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

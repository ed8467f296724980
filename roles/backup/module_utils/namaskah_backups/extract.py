"""How an archive comes back: checked as a whole before anything is written, into a new folder, never over old files."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import sync_folder

from . import space
from .members import Limits, opened, refused

_BLOCK = 1 << 20


def inspect(path: Path, limits: Limits) -> dict[str, int]:
    """Read the whole archive and count what is in it; writes nothing. Raises Failure for what may not be unpacked."""
    files = folders = size = 0
    with opened(path, limits) as entries:
        for member, stream in entries:
            folders += stream is None
            files += stream is not None
            size += _drained(stream) if stream else 0
            if stream and member.size != _read_of(stream):
                raise refused(path, f"entry {member.name[:120]!r} ends early")
    return {"files": files, "folders": folders, "size": size}


def extract(
    path: Path, target: Path, wanted: Mapping[str, Any] | None = None, limits: Limits | None = None
) -> dict[str, int]:
    """Unpack the archive at `path` into the new folder `target`, with the calling user's rights.

    `wanted` are the manifest's words about it (files, folders, size). Raises Failure; then there is no `target`.
    """
    bounds = limits or _limits(wanted)
    if target.exists() or target.is_symlink():
        why, next_step = "it is there already; files are never written over others", "move it away, or name another one"
        raise Failure("refused", "The archive is not unpacked", str(target), why, next_step)
    found = inspect(path, bounds)
    differs = [name for name, count in found.items() if wanted and wanted.get(name) != count]
    if wanted and differs:
        said = ", ".join(f"{found[name]} {name}, not {wanted[name]}" for name in differs)
        raise refused(path, f"it holds {said}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    space.check(target.parent, found["size"], found["files"] + found["folders"], 1.05, "the unpacked files")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    temporary.mkdir(mode=0o700)
    try:
        _write(path, temporary, bounds)
        temporary.rename(target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return found


def _limits(wanted: Mapping[str, Any] | None) -> Limits:
    """What the manifest says is the limit; where nothing is known, a generous one."""
    return Limits(int(wanted["files"]) + int(wanted["folders"]), int(wanted["size"])) if wanted else Limits()


def _write(path: Path, folder: Path, limits: Limits) -> None:
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    times: list[tuple[str, int]] = []
    try:
        with opened(path, limits) as entries:
            for member, stream in entries:
                with _told(folder / member.name):
                    if stream is None:
                        os.mkdir(member.name, 0o700, dir_fd=top)
                        times.append((member.name, int(member.mtime)))
                    else:
                        _write_file(member, stream, top)
        for name, moment in reversed(times):  # a folder's time changes with each file that is made in it
            os.utime(name, (moment, moment), dir_fd=top, follow_symlinks=False)
    finally:
        os.close(top)


@contextlib.contextmanager
def _told(place: Path) -> Iterator[None]:
    """Tell what the disk refuses from damage in the archive, which has no number of an error."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        next_step = "free space, or name a folder that the deploy user may write (backup_extract_into)"
        what, why = "The files cannot be unpacked", error.strerror or str(error)
        raise Failure("failed", what, str(place), why, next_step) from error


def _write_file(member: tarfile.TarInfo, stream: IO[bytes], top: int) -> None:
    """Write one file that must be new, with no right that was not in it, and none for a set-user bit."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(member.name, flags, 0o600, dir_fd=top)
    with os.fdopen(descriptor, "wb") as target:
        shutil.copyfileobj(stream, target, _BLOCK)
        target.flush()
        os.fchmod(descriptor, member.mode & 0o777)
        os.fsync(descriptor)
        os.utime(descriptor, (int(member.mtime), int(member.mtime)))


def _drained(stream: IO[bytes]) -> int:
    size = 0
    while block := stream.read(_BLOCK):
        size += len(block)
    return size


def _read_of(stream: IO[bytes]) -> int:
    return stream.tell()

"""How uploaded and collected files are kept: a tar file of regular files and folders only, listed back and compared.

Folders may belong to the application's user, who is not trusted: no link is followed at any place of a path.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from ansible.module_utils.namaskah_host.failure import Failure

from .settings import Settings

FILE = "files.tar.gz"
_LEVEL = 1  # most uploads are compressed already
_SHOWN = 20
_BLOCK = 1 << 20


@dataclass
class Listing:
    """What went into an archive: the SHA-256 of each file by its name in it, and what was left out."""

    files: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    size: int = 0
    left_out: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """The manifest's words about it."""
        return {
            "paths": self.paths,
            "files": len(self.files),
            "folders": len(self.folders),
            "size": self.size,
            "left_out": len(self.left_out),
            "left_out_names": self.left_out[:_SHOWN],
        }


class _Counted:
    """A file of known size that is hashed as it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


def measure(settings: Settings) -> int:
    """Bytes in the regular files of the settings' folders, for the check of free space. Raises Failure."""
    size = 0
    for path in settings.archived().values():
        for _, _, names, descriptor in _walk(path):
            size += sum(status.st_size for name in names if (status := _status(name, descriptor)) is not None)
    return size


def make(settings: Settings, folder: Path) -> Listing:
    """Write the archive of the settings' folders into `folder`, flush it and read it back. Raises Failure."""
    target = folder / FILE
    listing = Listing()
    try:
        with target.open("xb") as raw:
            with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive:
                for name, path in settings.archived().items():
                    _add(archive, name, path, listing, settings)
            raw.flush()
            os.fsync(raw.fileno())
    except OSError as error:
        next_step = "give the deploy user the right to read it, or free space; then try again"
        raise Failure(
            "failed", "The files cannot be archived", error.filename or str(target), str(error), next_step
        ) from error
    check(target, listing)
    return listing


def check(target: Path, listing: Listing) -> None:
    """Read the archive to its end and compare every name and content with what was written. Raises Failure."""
    files: dict[str, str] = {}
    folders: set[str] = set()
    try:
        with gzip.open(target) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                if stream is not None:
                    files[member.name] = _digest(stream)
                elif member.isdir():
                    folders.add(member.name)
            _digest(unpacked)  # to the very end: gzip's own checksum stands behind what tar reads
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        next_step = "check the disk; make the backup again"
        raise Failure("failed", "The archive cannot be read back", str(target), str(error), next_step) from error
    if files != listing.files or folders != listing.folders:
        wrong = [name for name, _ in sorted(set(files.items()) ^ set(listing.files.items()))] or ["a folder"]
        why = f"{len(files)} of {len(listing.files)} files were found in it; the first that differs: {wrong[0]}"
        raise Failure("failed", "The archive differs from what was written", str(target), why, "make the backup again")


class _Readable(Protocol):
    """What content is read from."""

    def read(self, size: int, /) -> bytes: ...


def _digest(stream: _Readable) -> str:
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _add(archive: tarfile.TarFile, top: str, path: str, listing: Listing, settings: Settings) -> None:
    listing.paths.append(path)
    for place, folders, names, descriptor in _walk(path):
        settings.left()
        inside = f"{top}/{place}".rstrip("/")
        entry = _entry(inside, os.fstat(descriptor), tarfile.DIRTYPE)
        archive.addfile(entry)
        listing.folders.add(inside)
        listing.left_out += [f"{inside}/{name}" for name in folders if not _is_folder(name, descriptor)]
        for name in sorted(names):
            _add_file(archive, f"{inside}/{name}", name, descriptor, listing)


def _add_file(archive: tarfile.TarFile, inside: str, name: str, folder: int, listing: Listing) -> None:
    """Add one regular file; a link, socket or device is left out, a file that is gone meanwhile as well."""
    if _status(name, folder) is None:
        listing.left_out.append(inside)
        return
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OSError(error.errno, error.strerror, inside) from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            listing.left_out.append(inside)
            return
        entry = _entry(inside, status, tarfile.REGTYPE)
        entry.size = status.st_size
        counted = _Counted(stream)
        try:
            archive.addfile(entry, counted)
        except OSError as error:
            raise OSError(
                error.errno, f"{error.strerror or error} (it may have become shorter while it was read)", inside
            ) from error
        listing.files[inside] = counted.digest.hexdigest()
        listing.size += status.st_size


def _entry(name: str, status: os.stat_result, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = stat.S_IMODE(status.st_mode) & 0o777
    entry.mtime = int(status.st_mtime)
    return entry


def _walk(path: str) -> Iterator[tuple[str, list[str], list[str], int]]:
    """Every folder below `path`: its place, folders, other names and a descriptor. An unreadable one is an error."""
    top = os.path.realpath(path)

    def refuse(error: OSError) -> None:
        raise OSError(error.errno, error.strerror, f"{error.filename} below {top}")

    if not Path(top).is_dir():
        why, next_step = "there is no such folder", "correct backup_paths in the inventory"
        raise Failure("refused", "A folder to archive is missing", path, why, next_step)
    for place, folders, names, descriptor in os.fwalk(top, onerror=refuse, follow_symlinks=False):
        folders.sort()
        yield os.path.relpath(place, top) if place != top else "", folders, names, descriptor


def _status(name: str, folder: int) -> os.stat_result | None:
    """The status of a regular file, None for anything else and for what is gone."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _is_folder(name: str, folder: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return True

"""What may stand in an archive that we unpack? Regular files and folders below one folder, and nothing else.

Python's own filters were bypassed again and again (CVE-2025-4517, -4330, -4138, -4435), each time through a link, so
no link is ever followed or made here: what archive.py would not have written is refused as a whole.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from ansible.module_utils.namaskah_host.failure import Failure

_KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_HEADERS = {"path", "size", "mtime", "hdrcharset"}  # long or strange names, large files, old times (pax, POSIX.1-2001)
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 255, 4000, 128
_LARGEST_READ = 4 << 20  # tarfile reads a header in one go, whatever size it claims
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How many entries, and bytes in them, an archive may unpack to."""

    entries: int = 1_000_000
    size: int = 1 << 40


@dataclass
class Found:
    """What was seen so far; names decide, for a second entry of one name would replace the first."""

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    size: int = 0


class _Bounded:
    """Unpacked bytes that are counted, so that a small file cannot fill a disk or the memory."""

    def __init__(self, stream: IO[bytes], most: int, where: Path) -> None:
        self._stream, self._left, self._where = stream, most, where
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise refused(self._where, f"one of its headers claims {size} bytes")
        block = self._stream.read(size)
        self._left -= len(block)
        self.last = block
        if self._left < 0:
            raise refused(self._where, "it unpacks to more than its limits allow")
        return block

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        """Go forward only, and by reading: a packed stream has no other way, and every byte counts."""
        if whence != 0 or place < self.tell():
            raise refused(self._where, "it is not read from its beginning to its end")
        while (missing := place - self.tell()) > 0:
            if not self.read(min(missing, _BLOCK)):
                break
        return self.tell()


@contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]]:
    """The checked entries of the archive at `path`, in their order, each file with its content.

    Raises Failure at the first entry that is not allowed, at damage, and at what stands behind the end.
    """
    most = limits.size + limits.entries * 4096 + (1 << 20)
    try:
        with path.open("rb") as packed, gzip.open(packed) as stream:
            bounded = _Bounded(cast("IO[bytes]", stream), most, path)
            with tarfile.open(fileobj=cast("Any", bounded), mode="r:", errorlevel=2) as archive:
                yield _members(archive, bounded, path, limits)
    except (OSError, EOFError, tarfile.TarError, zlib.error, UnicodeError, ValueError) as error:
        raise refused(path, f"it cannot be read: {error}") from error


def _members(
    archive: Any, stream: _Bounded, path: Path, limits: Limits
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    found = Found()
    for member in archive:
        archive.members = []  # tarfile keeps every entry: a million of them fill the memory
        why = _wrong(member, found, limits) or _wrong_headers(archive, member)
        if why:
            raise refused(path, f"entry {member.name[:120]!r} {why}")
        (found.folders if member.isdir() else found.files).add(member.name)
        found.size += member.size
        yield member, archive.extractfile(member) if member.isreg() else None
    if stream.last != b"\0" * tarfile.BLOCKSIZE:  # tarfile takes a header that it cannot read for the end
        raise refused(path, "its end is no end, or a header is damaged")
    while block := stream.read(_BLOCK):
        if block.strip(b"\0"):
            raise refused(path, "something stands behind its end")


def _wrong(member: tarfile.TarInfo, found: Found, limits: Limits) -> str:
    """Why an entry is not allowed; empty where it is."""
    name = member.name
    parts = name.split("/")
    parent = name.rpartition("/")[0]
    reasons = (
        (member.type not in _KINDS or member.issparse(), "is neither a plain file nor a folder"),
        (bool(member.linkname), "names something to link to"),
        (not name or name.startswith("/"), "has no path below the folder"),
        (any(part in {"", ".", ".."} for part in parts), "has a path that leaves the folder or turns"),
        ("\0" in name, "has a NUL in its name"),
        (len(parts) > _DEEPEST, "lies too deep"),
        (len(_bytes(name)) > _LONGEST_PATH or any(len(_bytes(part)) > _LONGEST_NAME for part in parts), "is too long"),
        (bool(member.mode & 0o7000), "would run with another user's rights"),
        (member.mode < 0 or member.size < 0 or member.mtime < 0, "has a negative number"),
        (member.isdir() and member.size != 0, "is a folder with content"),
        (name in found.files or name in found.folders, "comes twice"),
        (bool(parent) and parent not in found.folders, "lies in no folder of the archive"),
        (len(found.files) + len(found.folders) >= limits.entries, f"is one more than {limits.entries}"),
        (found.size + member.size > limits.size, f"makes it larger than {limits.size} bytes"),
    )
    return next((why for holds, why in reasons if holds), "")


def _wrong_headers(archive: Any, member: tarfile.TarInfo) -> str:
    further = set(archive.pax_headers) | (set(member.pax_headers) - _HEADERS)
    return f"has headers that we never write: {', '.join(sorted(further))[:120]}" if further else ""


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def refused(path: Path, why: str) -> Failure:
    """Return the failure of an archive that is not unpacked."""
    next_step = "do not unpack it by other means: use another backup, and find out who changed this one"
    return Failure("refused", "The archive is not unpacked", str(path), why, next_step)

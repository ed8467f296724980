"""How are a folder and a file made as they should be, in folders that others can write?"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from ansible.module_utils.namaskah_host.failure import Failure

from .walk import Rights, walked


def folder(path: Path, rights: Rights, *, dry: bool = False) -> bool:
    """Make the folder `path` and what is missing above it, with these rights; return whether anything differed.

    With `dry` nothing is changed. Raises Failure (refused) where another user could lead elsewhere.
    """
    with walked(path, make=not dry) as walk:
        if walk is None:
            return True
        differs = [descriptor for descriptor in {*walk.made, walk.here} if not rights.of(descriptor)]
        for descriptor in () if dry else differs:
            rights.give(descriptor)
        return bool(walk.made or differs)


def file(path: Path, content: bytes, rights: Rights, *, dry: bool = False) -> bool:
    """Make the file `path` with this content and these rights by one rename; return whether anything differed.

    What is there is never opened for writing, nor given away: it may be a link, or a name of another file.
    """
    with walked(path.parent, make=False) as walk:
        if walk is None:
            why, advice = f"the folder {path.parent} is missing", "make it, or name a file in a folder that is there"
            raise Failure("failed", "write a file", str(path), why, advice)
        if _is(walk.here, path.name, content, rights):
            return False
        if not dry:
            _replace(walk.here, path.name, content, rights)
        return True


def _is(where: int, name: str, content: bytes, rights: Rights) -> bool:
    """Tell whether the file is there as it should be."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as stream:
        seen = os.fstat(descriptor)
        return (
            stat.S_ISREG(seen.st_mode)
            and seen.st_nlink == 1
            and rights.of(descriptor)
            and seen.st_size == len(content)
            and stream.read() == content
        )


def _replace(where: int, name: str, content: bytes, rights: Rights) -> None:
    beside = f".{name}.{secrets.token_hex(8)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(beside, flags, 0o600, dir_fd=where), "wb") as stream:
            stream.write(content)
            stream.flush()
            rights.give(stream.fileno())
            os.fsync(stream.fileno())
        os.rename(beside, name, src_dir_fd=where, dst_dir_fd=where)
        os.fsync(where)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=where)
        raise

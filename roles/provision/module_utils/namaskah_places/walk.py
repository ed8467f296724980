"""How does root come to a folder of which another user can write the folders above it? Part by part, from `/`.

A path that was looked at is another one a moment later, where somebody else may rename what it leads through. So each
part is opened in the folder that is open already, and everything is done to what is open, never to a path. A link is
followed only in a folder that root alone can write: there nobody else can have made it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ansible.module_utils.namaskah_host.failure import Failure

LINKS = 40  # as many as the kernel follows (path_resolution(7))
MADE = 0o700  # the mode of a part until it has its owner
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Rights:
    """Whose a folder or file is to be, by numbers, and its mode."""

    user: int
    group: int
    mode: int

    def of(self, descriptor: int) -> bool:
        """Tell whether what is open has them already."""
        seen = os.fstat(descriptor)
        return (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (self.user, self.group, self.mode)

    def give(self, descriptor: int) -> None:
        """Give them to what is open; the owner first, for a change of owner takes bits of the mode away."""
        os.fchown(descriptor, self.user, self.group)
        os.fchmod(descriptor, self.mode)


class Walk:
    """The way from `/` to a folder: a descriptor of each folder that was come through, and which of them were made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open = [os.open("/", FOLDER)]
        self.made: list[int] = []

    @property
    def here(self) -> int:
        """The descriptor of the folder that was come to."""
        return self.open[-1]

    def close(self) -> None:
        """Close what is open."""
        for descriptor in self.open:
            os.close(descriptor)

    def go(self, *, make: bool) -> bool:
        """Go the whole way and make what is missing, where that is wanted; return whether the folder was come to."""
        ahead, links = list(self.path.parts[1:]), 0
        while ahead:
            part = ahead.pop(0)
            if part == "..":
                os.close(self.open.pop()) if len(self.open) > 1 else None
                continue
            try:
                self.open.append(os.open(part, FOLDER, dir_fd=self.here))
            except FileNotFoundError:
                if not make:
                    return False
                self._make(part)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                links += 1
                target = PurePosixPath(self._link(part, links))
                if target.is_absolute():
                    while len(self.open) > 1:
                        os.close(self.open.pop())
                ahead = [*target.relative_to(target.anchor).parts, *ahead]
        return True

    def _make(self, part: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, MADE, dir_fd=self.here)
        self.open.append(os.open(part, FOLDER, dir_fd=self.here))
        seen = os.fstat(self.here)
        if (seen.st_uid, stat.S_IMODE(seen.st_mode)) != (os.geteuid(), MADE):
            raise self._refused(part, "somebody put another folder into its place at that moment")
        self.made.append(self.here)

    def _link(self, part: str, links: int) -> str:
        """Return where a link leads that may be followed. Raises Failure (refused) for any other, and for a file."""
        if not stat.S_ISLNK(os.stat(part, dir_fd=self.here, follow_symlinks=False).st_mode):
            raise self._refused(part, "it is no folder")
        above = os.fstat(self.here)
        if above.st_uid != 0 or above.st_mode & 0o022:
            raise self._refused(part, "it is a link in a folder that not only root can write, and may lead anywhere")
        if links > LINKS:
            raise self._refused(part, "its links lead round and round")
        return os.readlink(part, dir_fd=self.here)

    def _refused(self, part: str, why: str) -> Failure:
        advice = f"look who made it (ls -ld {self.path}), put a folder there, and provision again"
        return Failure("refused", f"go to {self.path}", str(self.path), f"{part}: {why}", advice)


@contextlib.contextmanager
def walked(path: Path, *, make: bool) -> Iterator[Walk | None]:
    """Give the way to the folder `path`, open; None where it is missing and was not to be made."""
    walk = Walk(path)
    try:
        yield walk if walk.go(make=make) else None
    finally:
        walk.close()

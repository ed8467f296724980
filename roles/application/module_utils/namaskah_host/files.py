"""How are files of record written, so that a crash leaves the old or the new content, never a mixture?"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import locking
from .failure import Failure


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut (fsync(2), notes on directories)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` by a file with this content and mode, atomically and durably."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(descriptor, mode)
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    """Replace `path` by `value` as JSON, atomically and durably."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode)


def read_json(path: Path) -> Any:
    """Return the parsed content of `path`, or None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise Failure(
            "failed", "read a record", str(path), f"it is not JSON: {error}", "restore it from the journal by hand"
        ) from error


def point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target` by one rename(2): every reader sees the old or the new one."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}.new")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_folder(link.parent)


def link_target(link: Path) -> str | None:
    """Return what `link` points at, unresolved, or None where there is no link."""
    try:
        return str(link.readlink())
    except OSError:
        return None


@contextlib.contextmanager
def lock(path: Path, wait: float, *, shared: bool = False) -> Iterator[int]:
    """Hold flock(2) on `path` and give its descriptor: whoever inherits that holds the lock as well, until it ends.

    The kernel frees it when the last holder dies, so it cannot be left behind. `wait` is in seconds.
    Raises Failure (refused) when another process holds it for longer, and names that process.
    """
    descriptor = locking.opened(path)
    try:
        locking.wait_for(descriptor, path, wait, shared=shared)
        yield descriptor
    finally:
        os.close(descriptor)

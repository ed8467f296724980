"""How are files of record written, so that a crash leaves the old or the new content, never a mixture?"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import journal, locking
from .failure import Failure
from .foreign import brief

LARGEST = 1e11  # a number of a record beyond this, seconds or not, is damage: no calendar has that moment
RECOVER = "run `namaskah-deploy recover`, which lays it aside and goes on"
LOOK = "look who wrote it; release again, or restore it from a backup"


class Damaged(Failure):
    """A record on this host that holds something else than was written there; `path` is its file."""

    def __init__(self, path: Path, why: str, next_step: str) -> None:
        super().__init__("failed", "read a record", str(path), why, next_step)
        self.path = path


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


def read_json(path: Path, next_step: str = LOOK) -> Any:
    """Return the parsed content of `path`, or None where there is no such file. Raises Failure."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise Damaged(path, "it is a folder", next_step) from None
    except OSError as error:
        advice = f"let the deploy user read it: ls -l {path}"
        raise Failure("failed", "read a record", str(path), f"it cannot be read: {error.strerror}", advice) from None
    except (ValueError, RecursionError) as error:
        raise Damaged(path, f"it is not JSON: {error}", next_step) from error


def read_record(
    path: Path, needed: Mapping[str, tuple[type, ...]], further: Mapping[str, tuple[type, ...]], next_step: str
) -> dict[str, Any] | None:
    """Return the record in `path`, or None where there is none; `needed` and `further` are the kinds of its values.

    Raises Damaged where it is no record, lacks what is needed, or has a value of another kind; other names may be a
    newer version's.
    """
    found = read_json(path, next_step)
    if found is None and not os.path.lexists(path):
        return None
    if not isinstance(found, dict):
        raise Damaged(path, f"it is no record: {brief(json.dumps(found))}", next_step)
    missing = sorted(needed.keys() - found.keys())
    if missing:
        raise Damaged(path, f"it lacks {', '.join(missing)}", next_step)
    for name, kinds in {**further, **needed}.items():
        if name in found and not fits(found[name], kinds):
            raise Damaged(path, f"{name} is {brief(json.dumps(found[name]))}", next_step)
    return found


def fits(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value of a record is of one of these kinds, and a number of a size that one can count with."""
    return type(value) in kinds and (type(value) not in (int, float) or abs(value) < LARGEST)


def lay_aside(damaged: Damaged, about: Mapping[str, Any]) -> str:
    """Keep a damaged record beside its place under a free name, note it in the journal, and return that in words.

    Called under the lock of the record; `about` says who does it: run, by, host.
    """
    path, number = damaged.path, 1
    aside = path.with_name(f"{path.name}.unreadable")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.unreadable-{number}")
    path.rename(aside)
    sync_folder(path.parent)
    told = f"{path} was damaged ({damaged.why}); it lies as {aside} now"
    journal.append(path.with_name("journal.jsonl"), {**about, "act": "laid aside", "file": aside.name, "why": told})
    return told


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

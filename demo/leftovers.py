"""What did an earlier run leave, and how does a new one start clean?"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import places, processes
from demo.errors import DemoError

RECORD = "processes.json"


@contextmanager
def clean_folder(folder: Path = places.FOLDER) -> Iterator[Path]:
    """An empty folder that no other run uses while the block lasts; raises DemoError when that cannot be had."""
    try:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise DemoError(f"The demo's folder cannot be used: {error}") from None
    try:
        _claim(descriptor, folder)
        _remove(folder)
        yield folder
    finally:
        os.close(descriptor)


def _claim(descriptor: int, folder: Path) -> None:
    if os.fstat(descriptor).st_uid != os.geteuid():
        raise DemoError(
            f"{folder} belongs to another user. Run the demo as that user or as root, or remove the folder."
        )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DemoError("A demo runs in this clone already. Wait for its end, or stop it with Ctrl-C.") from None


def _remove(folder: Path) -> None:
    runtime, recorded = processes.read_record(folder / RECORD)
    processes.end_all([*recorded, *processes.running_from(folder)])
    if runtime is not None:
        places.remove_runtime(runtime)
    try:
        places.empty(folder)
    except OSError as error:
        raise DemoError(f"What an earlier run left cannot be removed: {error}") from None

"""Where backups are made: one at a time in a root, each in a folder of its own, of which a failure leaves nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.namaskah_host import locking
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import sync_folder

from . import manifest
from .settings import Settings

_LOCK = ".lock"
_USED = 60.0  # seconds in which a pruning that has the backup is done with it


@contextlib.contextmanager
def held(settings: Settings) -> Iterator[int]:
    """Hold the root's lock and give its descriptor: whoever inherits it holds the lock as well, until it ends.

    Raises Failure when the root cannot be written, or another backup works there.
    """
    root = settings.root
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        next_step = "create it, owned by the user who deploys, or correct backup_root"
        raise Failure("refused", "Backups cannot be written", str(root), str(error), next_step) from error
    try:
        while not _locked(descriptor, settings):
            _wait_on(settings)
        os.ftruncate(descriptor, 0)
        holder = {
            "run": settings.run.get("id", ""),
            "by": settings.run.get("by", ""),
            "pid": os.getpid(),
            "since": utc(),
        }
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_on(settings: Settings) -> None:
    """Wait a second for the run's own backup; raises Failure (timeout) with who makes it when there is no time left."""
    try:
        settings.left()
    except Failure as over:
        why = f"{locking.holders(settings.root / _LOCK)} still makes the one that this run began; {over.why}"
        raise Failure(over.kind, "Wait for the backup", over.where, why, over.next_step) from None
    time.sleep(1)


def _locked(descriptor: int, settings: Settings) -> bool:
    """Tell whether the lock was got; raises Failure while another run has it.

    A run that goes on waits for the backup that it began before its controller died: that one is used then.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            holder = json.loads(os.pread(descriptor, 4096, 0))
            why = (
                f"run {holder['run'] or '(unnamed)'} by {holder['by'] or 'unknown'} works there since {holder['since']}"
            )
            if settings.run.get("resume") and holder["run"] == settings.run["id"]:
                return False
        except (ValueError, KeyError, TypeError, RecursionError):
            why = f"{locking.holders(settings.root / _LOCK)} works there"
        where = str(settings.root)
        raise Failure("refused", "A backup is being made already", where, why, "wait for its end") from None
    return True


@contextlib.contextmanager
def used(folder: Path) -> Iterator[None]:
    """Use a backup: no pruning removes it until the block ends, or the process does. Any number may at once.

    Raises Failure (refused) where a pruning has it for longer than a moment.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        locking.wait_for(descriptor, folder, _USED, shared=True)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone_with(folder: Path) -> Iterator[bool]:
    """Whether nobody uses the backup; then nobody can begin to until the block ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def sweep(settings: Settings) -> list[str]:
    """Remove folders without manifest that killed backups left; the caller holds the lock. Gives their names."""
    left = [folder for folder in manifest.folders(settings.root) if not (folder / manifest.FILE).exists()]
    for folder in left:
        shutil.rmtree(folder)
    return [folder.name for folder in left]


@contextlib.contextmanager
def folder_of_new(settings: Settings) -> Iterator[Path]:
    """A new folder for a backup; what goes wrong inside removes it with all that is in it."""
    folder = _create(settings)
    try:
        yield folder
        sync_folder(settings.root)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _create(settings: Settings) -> Path:
    """A folder named by the second and the run: of two backups in one second the later waits for the next one."""
    suffix = re.sub(r"[^0-9a-z]", "", str(settings.run.get("id", "")).rpartition("-")[2].lower())[
        :16
    ] or secrets.token_hex(2)
    while True:
        folder = settings.root / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{suffix}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            settings.left()
            time.sleep(0.1)
        except OSError as error:
            next_step = "free space or correct the rights of that folder"
            raise Failure("failed", "A backup cannot be begun", str(settings.root), str(error), next_step) from error
        else:
            return folder


def utc() -> str:
    """The moment as records give it: UTC, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

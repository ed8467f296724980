"""How a backup is copied to another place: whole, encrypted where asked, read back, and with its manifest last."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host import locking
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import write_json

from . import beside, ciphers, manifest, room, space, targets, transports
from .ciphers import Cipher
from .dump import checksum
from .manifest import COPIES, Backup
from .targets import Target

INDEX = "copy.json"
_OUTGOING = ".outgoing"


@dataclass(frozen=True)
class Clock:
    """The time that is left for all copies; seconds."""

    end: float
    allowed: float

    def left(self) -> float:
        """Seconds that are left. Raises Failure (timeout) when there are none."""
        seconds = self.end - time.monotonic()
        if seconds > 0:
            return seconds
        why = f"they were not done within {self.allowed:g} s"
        raise Failure("timeout", "The copies took too long", "this host", why, "raise backup_copy_timeout")


def clock(seconds: float) -> Clock:
    """Return the clock of copies that begin now."""
    return Clock(time.monotonic() + seconds, seconds)


def check(chosen: Sequence[Target], timer: Clock) -> list[str]:
    """Whether the targets can be reached with the credentials that are there; why not, for each that cannot."""
    wrong = []
    for target in chosen:
        try:
            targets.check_files(target)
            transports.of(target).reach(min(60, timer.left()))
        except Failure as failure:
            wrong.append(f"{target.name}: {failure.why}")
    return wrong


def copy(root: Path, backup_id: str, chosen: Sequence[Target], timer: Clock) -> dict[str, Any]:
    """Copy a backup to each of the targets that has no verified copy of it; what came of each, by its name.

    A target that fails does not keep the next ones from theirs. Raises Failure when the backup itself is damaged.
    """
    backup = manifest.require(root, backup_id)
    results = of(backup)
    with _alone(root), room.used(backup.folder):
        for target in chosen:
            before = results.get(target.name, {})
            if before.get("state") == "copied" and before.get("to") == target.to and _same(before, target):
                continue
            results[target.name] = _one(root, backup, target, timer)
            _record(backup, results, target)
    return {target.name: results[target.name] for target in chosen}


def _record(backup: Backup, results: dict[str, Any], target: Target) -> None:
    """Keep what came of the copies beside the backup; a copy of which no record can be kept counts as failed."""
    try:
        beside.write(backup.folder / COPIES, results)
    except OSError as error:
        entry = results[target.name]
        known = f"{entry['why']}; " if "why" in entry else ""
        why = f"{known}what came of the copy cannot be recorded in {backup.folder}: {error.strerror}"
        next_step = "free space there, then `namaskah-deploy backups copy`"
        results[target.name] = {**entry, "state": "failed", "why": why, "next": next_step}


def of(backup: Backup) -> dict[str, Any]:
    """What is known of the copies of a backup, by the name of the target. Of a damaged record nothing is."""
    try:
        return beside.read(backup.folder / COPIES) or {}
    except Failure:
        return {}


def _same(before: dict[str, Any], target: Target) -> bool:
    return bool(before.get("encrypted", "") == target.encrypt)


def _one(root: Path, backup: Backup, target: Target, timer: Clock) -> dict[str, Any]:
    started = time.monotonic()
    said = {"to": target.to, "kind": target.kind, "encrypted": target.encrypt, "moment": room.utc()}
    try:
        targets.check_files(target)
        found = _carried(root, backup, target, timer)
    except Failure as failure:
        return {**said, "state": "failed", "why": failure.why, "next": failure.next_step}
    except OSError as error:
        return {**said, "state": "failed", "why": str(error), "next": "free space, then `namaskah-deploy backups copy`"}
    return {**said, "state": "copied", "seconds": round(time.monotonic() - started, 2), **found}


def _carried(root: Path, backup: Backup, target: Target, timer: Clock) -> dict[str, Any]:
    """Send the files, read them back, then the manifest, without which the copy is none, and read that back."""
    way = transports.of(target)
    with ciphers.cipher(target) as cipher, _folder(root, backup, target, cipher, timer) as (folder, objects):
        sums = {name: checksum(folder / name) for name in objects}
        _compare_content(backup, folder, cipher, target, timer)
        index = {"format": 1, "id": backup.id, "encrypted": target.encrypt, "files": sums,
                 "manifest_sha256": backup.sha256}  # fmt: skip
        with _beside(root, INDEX, index) as beside:
            for place, some in ((folder, objects[:-1]), (beside, [INDEX]), (folder, objects[-1:])):
                expected = {name: (sums[name] if name in sums else checksum(place / name))["sha256"] for name in some}
                way.send(place, some, backup.id, timer.left())
                wrong = way.differing(place, expected, backup.id, timer.left())
                if wrong:
                    next_step = "look at the disk there; then `namaskah-deploy backups copy` sends it again"
                    why = f"what is there differs from what was sent: {', '.join(wrong[:8])}"
                    raise Failure("failed", "The copy is damaged", target.where, why, next_step)
    size = sum(entry["size"] for entry in sums.values())
    compared = "content" if target.identity and cipher else "checksums"
    return {"objects": len(sums), "bytes": size, "compared": compared}


@contextlib.contextmanager
def _folder(
    root: Path, backup: Backup, target: Target, cipher: Cipher | None, timer: Clock
) -> Iterator[tuple[Path, list[str]]]:
    """The folder with what is sent, and the names in it: the backup itself, or its encrypted files in a new folder."""
    beside = [manifest.SEAL] if (backup.folder / manifest.SEAL).exists() else []
    names = [*sorted(backup.content["files"]), *beside, manifest.FILE]
    if cipher is None:
        yield backup.folder, names
        return
    sizes = [(backup.folder / name).stat().st_size for name in names]
    room_needed = sum(sizes) + (max(sizes) if target.identity else 0)
    space.check(root, room_needed, len(names), 1.05, "the encrypted files of the copy")
    folder = root / _OUTGOING / f"{backup.id}-{target.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        for name in names:
            made = folder / f"{name}{cipher.suffix}"
            made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            cipher.encrypt(backup.folder / name, made, timer.left())
        yield folder, [f"{name}{cipher.suffix}" for name in names]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare_content(backup: Backup, folder: Path, cipher: Cipher | None, target: Target, timer: Clock) -> None:
    """Where the private key is here: what was encrypted, decrypted again, is what the manifest says."""
    if cipher is None or target.identity is None:
        return
    for name, wanted in backup.content["files"].items():
        back = folder / "decrypted"
        try:
            cipher.decrypt(folder / f"{name}{cipher.suffix}", back, timer.left())
            same = checksum(back) == wanted
        finally:
            back.unlink(missing_ok=True)
        if not same:
            why = f"{name} differs from the manifest after it was decrypted"
            raise Failure(
                "failed", "The copy is damaged", target.where, why, "check the key and the disk, and try again"
            )


@contextlib.contextmanager
def _beside(root: Path, name: str, content: dict[str, Any]) -> Iterator[Path]:
    """A folder that holds one small file, for the length of the block."""
    folder = root / _OUTGOING / f"index-{os.getpid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write_json(folder / name, content, 0o600)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Copy one backup at a time; what a killed copy left is removed."""
    (root / _OUTGOING).mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(root / _OUTGOING, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            why, next_step = f"{locking.holders(root / _OUTGOING)} makes another copy", "wait for its end"
            raise Failure("refused", "Backups are being copied already", str(root), why, next_step) from None
        for left in (root / _OUTGOING).iterdir():
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)

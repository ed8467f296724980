"""The proved copy that is kept: a whole database beside the live one that a rollback swaps in within moments.

The record beside the manifest is the truth. It is written after the database has its final name and removed before
the database is dropped, so it never promises what is not there; a database without record is swept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import sync_folder

from . import beside, proof, room
from .manifest import WARM, Backup
from .settings import Settings
from .tools import Tools, candidates


def of(folder: Path) -> dict[str, Any] | None:
    """The kept database of the backup in a folder: `database`, `service`, `owners`, `moment`; None without one.

    A damaged record names no database: what it named is swept, and a restore takes the dump.
    """
    try:
        return beside.read(folder / WARM)
    except Failure:
        return None


def record(backup: Backup, kept: Mapping[str, Any]) -> None:
    """Say of the backup that its proved copy is kept as a database."""
    beside.write(backup.folder / WARM, {**kept, "moment": room.utc(), "manifest_sha256": backup.sha256})


def drop(settings: Settings, folder: Path, tools: Tools | None = None) -> bool:
    """Drop the kept database of one backup; false where it has none. What cannot be dropped now is swept later."""
    kept = of(folder)
    if kept is None:
        return False
    forget(folder)
    proof.drop(tools or candidates(settings)[0], settings, kept["database"])
    return True


def forget(folder: Path) -> None:
    """Take the record away: the database was swapped in, or is about to be dropped."""
    (folder / WARM).unlink(missing_ok=True)
    sync_folder(folder)


def drop_others(settings: Settings, tools: Tools, backups: Iterable[Backup]) -> list[str]:
    """Drop the kept databases of `backups`, which a newer one supersedes; the backups that had one."""
    return [backup.id for backup in backups if drop(settings, backup.folder, tools)]

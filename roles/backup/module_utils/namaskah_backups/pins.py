"""Which backups somebody wants to keep: a pin is a small record beside the manifest, which never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.namaskah_host.files import read_json, sync_folder, write_json

from . import room
from .manifest import PIN, Backup


def of(backup: Backup) -> dict[str, Any] | None:
    """By whom, when and why the backup was pinned; None where it is not."""
    found: dict[str, Any] | None = read_json(backup.folder / PIN)
    return found


def put(backup: Backup, run: Mapping[str, Any]) -> bool:
    """Pin the backup for the run's author; false where it was pinned already."""
    if of(backup) is not None:
        return False
    words = {"by": run.get("by", ""), "reason": run.get("reason", ""), "moment": room.utc()}
    write_json(backup.folder / PIN, words, 0o600)
    return True


def take(backup: Backup) -> bool:
    """Take the pin off; false where there was none."""
    if of(backup) is None:
        return False
    (backup.folder / PIN).unlink()
    sync_folder(backup.folder)
    return True

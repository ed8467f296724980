"""Which backups somebody wants to keep: a pin is a small record beside the manifest, which never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import sync_folder

from . import beside, room
from .manifest import PIN, Backup


def of(backup: Backup) -> dict[str, Any] | None:
    """By whom, when and why the backup was pinned; None where it is not. A damaged pin still holds."""
    try:
        return beside.read(backup.folder / PIN)
    except Failure:
        return {"by": "", "reason": "", "moment": ""}


def put(backup: Backup, run: Mapping[str, Any]) -> bool:
    """Pin the backup for the run's author; false where it was pinned already."""
    if of(backup) is not None:
        return False
    words = {"by": run.get("by", ""), "reason": run.get("reason", ""), "moment": room.utc()}
    beside.write(backup.folder / PIN, words)
    return True


def take(backup: Backup) -> bool:
    """Take the pin off; false where there was none."""
    if of(backup) is None:
        return False
    (backup.folder / PIN).unlink()
    sync_folder(backup.folder)
    return True

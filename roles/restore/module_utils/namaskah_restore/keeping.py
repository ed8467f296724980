"""Which restores there were, what is kept of them, and when it is dropped."""

from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.namaskah_backups import room
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure

from . import copy, meeting, records, rights, swap
from .records import Record
from .settings import Asked


def listed(asked: Asked) -> dict[str, Any]:
    """Every restore, oldest first."""
    return {"restores": [records.summary(record) for record in records.all_of(asked)]}


def drop_kept(asked: Asked, restore_id: str) -> dict[str, Any]:
    """Drop the database that a restore set aside. Raises Failure when there is no such restore."""
    with room.held(asked.backup) as lock:
        found = [one for one in records.all_of(asked) if one["id"] == restore_id and one["phase"] in records.FINAL]
        if not found:
            why, next_step = "there is no ended restore of that name", "see `namaskah-deploy backups restores ENV`"
            raise Failure("refused", "Nothing was dropped", str(asked.folder), why, next_step)
        tools, _ = meeting.meet(asked, lock)
        with rights.maintenance(tools, asked) as server:
            record = _dropped(tools, asked, server, found[0])
    return {"changed": True, **records.summary(record)}


def _dropped(tools: Tools, asked: Asked, server: Session, record: Record) -> Record:
    """Drop what is kept of a restore: by its object id, so that never the live database is meant."""
    oid = record["new_oid"] if record["phase"] == "returned" else record["live_oid"]
    name = swap.name_of(swap.databases(server), oid)
    if name and name != record["live"] and name == record.get("kept"):
        copy.drop(tools, asked, name)
    return records.write(asked, {**record, "kept": ""}, record["phase"])


def retire(tools: Tools, asked: Asked, server: Session) -> list[str]:
    """Drop kept databases whose time is over."""
    oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - asked.keep_days * 86400))
    late = [
        one
        for one in records.all_of(asked)
        if one["phase"] in records.FINAL and one.get("kept") and one["moments"][one["phase"]] < oldest
    ]
    for record in late:
        _dropped(tools, asked, server, record)
    return [f"database {record['kept']} was kept for {asked.keep_days} days and dropped" for record in late]

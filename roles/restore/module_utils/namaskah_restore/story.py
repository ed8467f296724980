"""The order in which a backup becomes a new database beside the live one; each step is told elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible.module_utils.namaskah_backups import manifest, proof, room
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure

from . import copy, keeping, meeting, properties, records, report, rights, swap
from .records import Record
from .settings import Asked

_RECOVER = "namaskah-deploy recover ENV"


def check(asked: Asked, backup_id: str, commit: str = "") -> dict[str, Any]:
    """Look at everything that would make a restore fail, and change nothing. Raises Failure."""
    tools, live = meeting.meet(asked)
    backup = chosen(asked, backup_id, commit)
    with rights.maintenance(tools, asked) as server:
        found = meeting.check(tools, asked, server, live)
        rights.check_backup(server, asked, backup)
    return {"backup": backup.id, "database": live, "clients": found["clients"], "forecast": forecast(backup)}


def chosen(asked: Asked, backup_id: str, commit: str) -> Backup:
    """The backup to restore: the named one, else the newest whose proof is good. Raises Failure.

    With `commit` the newest that was made while that commit ran: its schema is the one which that code knows.
    """
    root = asked.backup.root
    if not backup_id:
        backups = manifest.listed(root)[0] if root.is_dir() else []
        proved = [
            backup.id
            for backup in backups
            if backup.proof["state"] == "proved"
            and "database" in backup.content
            and (not commit or backup.content["live"]["commit"] == commit)
        ]
        if not proved:
            made = f", of those made while {commit[:12]} ran" if commit else ""
            why = f"none of its backups holds a database and is proved{made}"
            next_step = "name one; see `namaskah-deploy backups list ENV`"
            raise Failure("refused", "There is no backup to restore", str(root), why, next_step)
        backup_id = proved[-1]
    backup = manifest.require(root, backup_id)
    if "database" not in backup.content:
        why, next_step = "it holds files only", "see `namaskah-deploy backups`"
        raise Failure("refused", f"Backup {backup.id} cannot be restored", str(root), why, next_step)
    return backup


def forecast(backup: Backup) -> dict[str, Any]:
    """Seconds that restoring and comparing took when the backup was proved; None where it was not."""
    return {name: backup.proof.get(name) for name in ("restore_seconds", "compare_seconds")}


def prepare(asked: Asked, backup_id: str, release: str, commit: str = "") -> dict[str, Any]:
    """Restore a backup into a new database, prove it, carry the properties over, and say what would be lost.

    The live database is only read. `release` is the one that the restore is for. One that was prepared before and not
    swapped in is taken up again, or dropped when it is of another backup. Raises Failure; nothing is left then.
    """
    with room.held(asked.backup) as lock:
        _refuse_unfinished(asked)
        tools, live = meeting.meet(asked, lock)
        backup = chosen(asked, backup_id, commit)
        again = _taken_up(tools, asked, backup, live, release)
        if again is not None:
            return {"changed": True, **records.summary(again)}
        wanted = backup.content["database"]
        with rights.maintenance(tools, asked) as server:
            meeting.check(tools, asked, server, live)
            rights.check_backup(server, asked, backup)
            notes = [f"database {name} was left by a killed restore" for name in copy.sweep(tools, asked, server)]
            notes += keeping.retire(tools, asked, server)
            like = properties.read(server, live)
        record = _begin(asked, backup, live, like, release)
        try:
            record = _filled(tools, asked, record, like, backup)
            record["notes"] = [*notes, *_foreign(backup, commit), *record["notes"]]
            folder = records.folder_of(asked, record) / "before"
            record["loss"] = report.take(tools, asked, (live, record["reference"]), wanted, folder)
            record = records.write(asked, record, "ready")
        except BaseException:
            _abandon(tools, asked, record)
            raise
    return {"changed": True, **records.summary(record)}


def _abandon(tools: Tools, asked: Asked, record: Record) -> None:
    """Drop what was made. What cannot be dropped or written now stays on record for recovery: told is the cause."""
    with contextlib.suppress(Failure, OSError):
        for name in (record["new"], record["reference"]):
            copy.drop(tools, asked, name)
        records.write(asked, record, "abandoned")


def _taken_up(tools: Tools, asked: Asked, backup: Backup, live: str, release: str) -> Record | None:
    """The restore that was prepared before, reported anew; None where there is none of this backup."""
    record = records.unfinished(asked)
    if record is None:
        return None
    with rights.maintenance(tools, asked) as server:
        known = swap.databases(server)
        whole = known.get(record["new"], {}).get("oid") == record["new_oid"] and record["reference"] in known
        same = record["backup"] == backup.id and known.get(live, {}).get("oid") == record["live_oid"]
        if not (whole and same):
            records.write(asked, record, "abandoned")
            return None
        meeting.check(tools, asked, server, live)
    folder = records.folder_of(asked, record) / "before"
    record["loss"] = report.take(tools, asked, (live, record["reference"]), backup.content["database"], folder)
    return records.write(asked, {**record, "release": release}, "ready")


def _begin(asked: Asked, backup: Backup, live: str, like: Mapping[str, Any], release: str) -> Record:
    with room.folder_of_new(replace(asked.backup, root=_made(asked))) as folder:
        pass
    name = asked.session_name + folder.name.lower().replace("-", "_")
    record = {
        "id": folder.name,
        "backup": backup.id,
        "live": live,
        "live_oid": like["oid"],
        "new": name,
        "reference": f"{name}_ref",
        "release": release,
        "of": backup.content["live"],
        "notes": [],
    }
    return records.write(asked, record, "restoring")


def _made(asked: Asked) -> Any:
    asked.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return asked.folder


def _foreign(backup: Backup, commit: str) -> list[str]:
    """Say that a backup which was named is not of the code that is returned to: its schema may not fit."""
    made = backup.content["live"]["commit"]
    if not commit or made == commit:
        return []
    return [f"backup {backup.id} was made while {made[:12] or 'nothing'} ran, the code that returns is {commit[:12]}"]


def _filled(tools: Tools, asked: Asked, record: Record, like: properties.Properties, backup: Backup) -> Record:
    """Fill the new database, prove it as backups are proved, and make it the live one's like."""
    name, wanted = record["new"], backup.content["database"]
    times: dict[str, float] = {}
    begun = time.monotonic()
    if not copy.take_warm(tools, asked, backup, name):
        copy.create(tools, asked, wanted, like, name)
        copy.fill(tools, asked, backup.folder / wanted["file"], name)
    times["restore"] = round(time.monotonic() - begun, 2)
    notes = proof.compare(tools, asked.backup, name, wanted)
    times["compare"] = round(time.monotonic() - begun - times["restore"], 2)
    copy.analyze(tools, asked, name)
    with rights.maintenance(tools, asked) as server:
        properties.carry(server, like, name)
        notes += copy.check_same(server, like, name)
        oid = properties.read(server, name)["oid"]
        copy.clone(server, name, record["reference"])
    times["whole"] = round(time.monotonic() - begun, 2)
    return {**record, "new_oid": oid, "seconds": times, "notes": notes}


def _refuse_unfinished(asked: Asked) -> None:
    record = records.unfinished(asked)
    if record is not None and record["phase"] != "ready":
        why = f"restore {record['id']} of backup {record['backup']} is {record['phase']}"
        raise Failure("refused", "Another restore is not finished", str(asked.folder), why, _RECOVER)

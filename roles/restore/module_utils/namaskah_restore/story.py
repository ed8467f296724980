"""The order in which a backup becomes a new database beside the live one; each step is told elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible.module_utils.namaskah_backups import applied, catalogue, proof, room
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure

from . import choice, copy, keeping, meeting, properties, records, report, rights, swap
from .choice import Code
from .records import Record
from .settings import Asked

_RECOVER = "namaskah-deploy recover ENV"


def check(asked: Asked, backup_id: str, code: Code = choice.ANY) -> dict[str, Any]:
    """Look at everything that would make a restore fail, and change nothing. Raises Failure."""
    tools, live = meeting.meet(asked)
    backup = choice.chosen(asked, backup_id, code)
    with rights.maintenance(tools, asked) as server:
        found = meeting.check(tools, asked, server, live)
        rights.check_backup(server, asked, backup)
    return {"backup": backup.id, "database": live, "clients": found["clients"], "forecast": forecast(backup)}


def forecast(backup: Backup) -> dict[str, Any]:
    """Seconds that restoring and comparing took when the backup was proved; None where it was not."""
    return {name: backup.proof.get(name) for name in ("restore_seconds", "compare_seconds")}


def prepare(asked: Asked, backup_id: str, release: str, code: Code = choice.ANY) -> dict[str, Any]:
    """Restore a backup into a new database, prove it, carry the properties over, and say what would be lost.

    The live database is only read. `release` is the one that the restore is for. One that was prepared before and not
    swapped in is taken up again, or dropped when it is of another backup. Raises Failure; nothing is left then.
    """
    with room.held(asked.backup) as lock:
        _refuse_unfinished(asked)
        tools, live = meeting.meet(asked, lock)
        backup = choice.chosen(asked, backup_id, code)
        again = _taken_up(tools, asked, backup, live, release)
        if again is not None:
            _check_schema(tools, asked, again["new"], code)
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
            _check_schema(tools, asked, record["new"], code)
            record["notes"] = [*notes, *choice.notes(backup, code), *record["notes"]]
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
    record = {
        "id": folder.name,
        "backup": backup.id,
        "live": live,
        "live_oid": like["oid"],
        "new": asked.scratch("restore"),
        "reference": asked.scratch("ref"),
        "release": release,
        "of": backup.content["live"],
        "notes": [],
    }
    return records.write(asked, record, "restoring")


def _made(asked: Asked) -> Any:
    asked.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return asked.folder


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


def _check_schema(tools: Tools, asked: Asked, name: str, code: Code) -> None:
    """See, in the restored database itself, that the code returned to fits its schema. Raises Failure (refused)."""
    if not code.migrations:
        return
    with Session(tools, asked.backup, asked.service, name) as session:
        found = applied.read(session, catalogue.relations(session), asked.backup.contract)
    why = applied.misfit(found, code.migrations)
    if why and choice.ALLOW not in asked.allow:
        raise choice.refused(f"the restored database does not fit {code.commit[:12]}: {why}", name)


def _refuse_unfinished(asked: Asked) -> None:
    record = records.unfinished(asked)
    if record is not None and record["phase"] != "ready":
        why = f"restore {record['id']} of backup {record['backup']} is {record['phase']}"
        raise Failure("refused", "Another restore is not finished", str(asked.folder), why, _RECOVER)

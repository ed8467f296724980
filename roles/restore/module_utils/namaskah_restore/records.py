"""What is known of each restore: its record, in a folder of its own, written before and after each step.

| phase | what it means | what recovery does |
|---|---|---|
| restoring | a new database is being filled | drops it |
| ready | it is proved and has the old one's properties | drops it |
| swapping | the renames were asked for | asks the server which database has the name, and goes on from there |
| swapped | the new one is live, the release that needs it is not yet confirmed | swaps back |
| confirmed, returned, abandoned | final | nothing |
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups.manifest import ID
from ansible.module_utils.namaskah_backups.room import utc
from ansible.module_utils.namaskah_host import journal
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import Damaged, read_record, write_json
from ansible.module_utils.namaskah_host.foreign import brief

from .settings import Asked

FILE = "record.json"
JOURNAL = "journal.jsonl"
_SHOWN = (
    *("id", "backup", "phase", "live", "kept", "release", "seconds", "held_off_ms"),
    *("loss", "written_meanwhile", "ended", "notes", "moments"),
)
FINAL = ("confirmed", "returned", "abandoned")
Record = dict[str, Any]
_TEXTS = dict.fromkeys(("id", "backup", "live", "new", "reference", "release", "phase"), (str,))
_NEEDED = {**_TEXTS, "live_oid": (int,), "notes": (list,), "moments": (dict,)}
_FURTHER = {
    **dict.fromkeys(("old", "aside", "kept", "since"), (str,)),
    **dict.fromkeys(("loss", "seconds", "written_meanwhile"), (dict,)),
    "new_oid": (int,),
    "final": (bool,),
    "held_off_ms": (int, float),
}
_LATER = {  # what is there from a phase on; an abandoned one may have come to none of it
    **dict.fromkeys(("ready",), ("new_oid",)),
    **dict.fromkeys(("swapping", "swapped", "returning", "confirmed", "returned"), ("new_oid", "old")),
}
_PHASES = {"restoring", "abandoned", *_LATER}
_SNAPSHOT = re.compile(r"\d{1,20}:\d{1,20}:[\d,]*", re.ASCII)
_NEXT = (
    "look who wrote it; see by psql that the live database is there and lets clients in, then move its folder away: "
    "what it says is not read any more, and a database that it set aside stays until somebody drops it"
)


def all_of(asked: Asked) -> list[Record]:
    """Every restore, oldest first. Raises Damaged: nobody knows then which database is whose."""
    if not asked.folder.is_dir():
        return []
    paths = sorted(path for path in asked.folder.iterdir() if ID.fullmatch(path.name))
    return [record for path in paths if (record := _read(path / FILE)) is not None]


def _read(path: Path) -> Record | None:
    """The record at `path`, with all that its phase needs; None where there is none. Raises Damaged."""
    record = read_record(path, _NEEDED, _FURTHER, _NEXT)
    if record is None:
        return None
    phase, moments = record["phase"], record["moments"]
    missing = [name for name in _LATER.get(phase, ()) if name not in record]
    wrong = (
        (record["id"] != path.parent.name, f"it is of restore {brief(record['id'])}"),
        (phase not in _PHASES, f"phase is {brief(phase)}"),
        (not isinstance(moments.get(phase), str), f"moments is {brief(json.dumps(moments))}"),
        (bool(missing), f"it lacks {', '.join(missing)}"),
        ("since" in record and not _SNAPSHOT.fullmatch(record["since"]), "since is no snapshot"),
    )
    for holds, why in wrong:
        if holds:
            raise Damaged(path, why, _NEXT)
    return record


def unfinished(asked: Asked) -> Record | None:
    """The restore that has not come to its end, if there is one."""
    return next((record for record in all_of(asked) if record["phase"] not in FINAL), None)


def require(asked: Asked, *phases: str) -> Record:
    """The unfinished restore, in one of these phases. Raises Failure."""
    record = unfinished(asked)
    if record is None or record["phase"] not in phases:
        found = f"the last one is {record['phase']}" if record else "there is no unfinished restore"
        why, next_step = f"{found}, wanted is {' or '.join(phases)}", "prepare the restore first"
        raise Failure("refused", "There is no restore to go on with", str(asked.folder), why, next_step)
    return record


def write(asked: Asked, record: Record, phase: str) -> Record:
    """Keep the record, durably, in its new phase; the journal tells who brought it there."""
    record = {**record, "phase": phase, "moments": {**record.get("moments", {}), phase: utc()}}
    folder = folder_of(asked, record)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(folder / FILE, record, 0o600)
    told = {name: record.get(name, "") for name in ("id", "backup", "live", "new", "old")}
    run = {name: asked.backup.run.get(name, "") for name in ("id", "by", "reason")}
    journal.append(asked.folder / JOURNAL, {"restore": told, "act": phase, "run": run})
    return record


def folder_of(asked: Asked, record: Record) -> Path:
    """The folder of a restore: its record, its reports, the exported rows."""
    return asked.folder / str(record["id"])


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a report says about a restore."""
    return {name: record[name] for name in _SHOWN if name in record}

"""How does this host stand? Read only; every answer comes from the host itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import chain
from typing import Any

from . import drain, drift, journal, lease, pausing, unfinished
from .contract import INSTANCES, Contract
from .failure import Failure
from .files import Damaged, read_record
from .instances import Instance
from .release import all_of, current, on_instance
from .switch import UNCONFIRMED, was_asked
from .switch import known as known_switch
from .switch import read as read_switch


def of_releases(contract: Contract) -> list[dict[str, Any]]:
    """Return the records of the host's releases, newest first, with the live one marked by what `current` says."""
    live = current(contract)
    return [
        {**release.record, "live": live is not None and release.id == live.id, "instance": release.instance}
        for release in reversed(all_of(contract))
    ]


def last_confirmed(records: list[dict[str, Any]]) -> str:
    """Return the run whose switch was confirmed last on this host, or ""; not one that returned after all."""
    returned = set()
    for record in reversed(records):
        if record["act"] == "returned":
            returned.add(record["run"])
        if record["act"] == "confirmed" and record["run"] not in returned:
            return str(record["run"])
    return ""


def doubt(records: list[dict[str, Any]], broken: int | None) -> str:
    """Return why nothing that the journal says of a confirmation is believed, or "": other hosts would follow it."""
    if broken is not None:
        return f"the chain of its journal breaks at record {broken}"
    run = last_confirmed(records)
    if run and not was_asked(records, run):
        return f"its journal says that run {run} was confirmed, and not that it was asked to be final"
    return ""


NEXT = "the next release lays it aside; until then nobody can tell which release brought which migration"


def damaged(contract: Contract) -> list[Failure]:
    """Return which records of the host cannot be read; they are shown and stop nobody who only looks."""
    migrations = contract.root / "migrations.json"
    found: list[Failure] = []
    for read in (lease.read, read_switch, pausing.read, drain.read, lambda _: read_record(migrations, {}, {}, NEXT)):
        try:
            read(contract)
        except Failure as failure:
            found.append(failure)
    return found


def cut(contract: Contract, records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield that the journal lacks the confirmation of what is live: cut off its end, it breaks no chain.

    What was moved aside as journal.jsonl.NAME counts as well, for that is what one is told to do with a broken one.
    """
    live, switch = current(contract), known_switch(contract)
    record = live.record if live else {}
    if record.get("state") != "live" or not record.get("confirmed") or (switch and switch.phase in UNCONFIRMED):
        return
    beside = (entry for path in sorted(contract.root.glob("journal.jsonl.*")) for entry in journal.read(path))
    if not any((one["act"], one.get("release")) == ("confirmed", record["id"]) for one in chain(records, beside)):
        yield (
            f"{contract.root}/journal.jsonl does not say that {record['id']}, which is live, was confirmed: its end is "
            "lost, or all of it; look who wrote there; it is complete again with the next release"
        )


def of_host(contract: Contract, *, remote: bool = False) -> dict[str, Any]:
    """Return everything that `status` shows of a host; with `remote` also whether the live tag was moved there."""
    records = journal.read(contract.root / "journal.jsonl")
    broken = journal.first_break(contract.root / "journal.jsonl")
    doubted = doubt(records, broken)
    live = current(contract)
    switch = known_switch(contract)
    running: dict[str, list[str]] = {}
    for name in INSTANCES:
        release = on_instance(contract, name)
        if release and release.complete:
            running[name] = Instance(contract, release, name).running()
    return {
        "host": contract.host,
        "live": live.record if live and live.complete else None,
        "instance": live.instance if live else None,
        "running": running,
        "switch": {
            "phase": switch.phase,
            "run": switch.run,
            "old": switch.old,
            "new": switch.new,
            "retiring": switch.retiring,
        }
        if switch
        else None,
        "drain": _drained(contract),
        "lease": lease.holder(contract),
        "unfinished": unfinished.of_host(contract, records),
        "confirmed_run": "" if doubted else last_confirmed(records),
        "confirmed_doubt": doubted,
        "journal_records": len(records),
        "journal_break": broken,
        "free_bytes": shutil.disk_usage(contract.root).free if contract.root.exists() else 0,
        "drift": [
            *(f"{failure.where}: {failure.why}; {failure.next_step}" for failure in damaged(contract)),
            *cut(contract, records),
            *map(str, [*drift.found(contract), *(drift.of_tag(contract) if remote else ())]),
        ],
    }


def _drained(contract: Contract) -> dict[str, Any] | None:
    try:
        return drain.read(contract)
    except Damaged:
        return None

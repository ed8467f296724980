"""How does this host stand? Read only; every answer comes from the host itself."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from . import front, journal, lease, processes, unfinished
from .commands import run
from .contract import INSTANCES, Contract
from .failure import Failure
from .instances import Instance
from .managers import as_root, runs_as_other_user
from .release import all_of, current, on_instance
from .switch import read as read_switch

PROGRAM = "/usr/local/lib/namaskah/{app}/processes"


def running_processes(contract: Contract) -> list[dict[str, Any]]:
    """Return the processes of the application's user (see processes.py)."""
    if not runs_as_other_user(contract):
        return processes.of_user(os.getuid())
    program = PROGRAM.format(app=contract.app)
    output = run(
        as_root(contract.app_user, [program]),
        what="list the application's processes",
        timeout=20,
        next_step=f"provision the host: {program} and its exact sudo line are missing",
    )
    found: list[dict[str, Any]] = json.loads(output)
    return found


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


def of_host(contract: Contract) -> dict[str, Any]:
    """Return everything that `status` shows of a host."""
    records = journal.read(contract.root / "journal.jsonl")
    live = current(contract)
    switch = read_switch(contract)
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
        "lease": lease.holder(contract),
        "unfinished": unfinished.of_host(contract, records),
        "confirmed_run": last_confirmed(records),
        "journal_records": len(records),
        "journal_break": journal.first_break(contract.root / "journal.jsonl"),
        "free_bytes": shutil.disk_usage(contract.root).free if contract.root.exists() else 0,
        "drift": drift(contract),
    }


def drift(contract: Contract) -> list[str]:
    """Return what differs from what the records say, in words; nothing where all agrees."""
    live = current(contract)
    found = []
    if live is None:
        return ["`current` exists but names no release"] if contract.current.is_symlink() else []
    if not live.complete:
        return [f"`current` names {live.id}, which has no record"]
    state = live.record["state"]
    if state not in ("live", "provisional"):
        found.append(f"`current` names {live.id}, whose record says {state}")
    if live.instance is None:
        return [*found, f"{live.id} is on no instance"]
    instance = Instance(contract, live, live.instance)
    missing = {service.name for service in instance.services()} - set(instance.running())
    found += [f"service {name}@{live.instance} does not run" for name in sorted(missing)]
    found += stale_processes(contract, instance)
    found += front.differences(instance)
    return found


def stale_processes(contract: Contract, instance: Instance) -> list[str]:
    """Return the services of the live instance whose main process runs from another folder than the live release."""
    try:
        known = {process["pid"]: process for process in running_processes(contract)}
    except Failure as error:
        return [f"the application's processes cannot be seen: {error}"]
    found = []
    for service in instance.services():
        process = known.get(instance.manager.unit(service, instance.name).pid or 0)
        if process and process["cwd"] != str(instance.release.folder):
            found.append(
                f"{service.name}@{instance.name} (pid {process['pid']}) runs from {process['cwd']}, "
                f"not from {instance.release.folder}"
            )
    return found

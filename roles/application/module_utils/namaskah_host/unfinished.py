"""Which run is unfinished on this host, how far is it, does it live, and what will the host do by itself?"""

from __future__ import annotations

import time
from typing import Any

from . import lease, workers
from . import switch as switches
from .contract import Contract


def of_host(contract: Contract, records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return what is known of a run that has not given its lease back, or whose switch is not final; else None.

    `records` are the host's journal. Times are seconds; `silent` counts from the last sign that the run gave.
    """
    held = lease.recorded(contract)
    held = None if held and held.get("kind") == lease.HOLD else held
    switch = switches.known(contract)
    switch = switch if switch and switch.phase in switches.UNCONFIRMED else None
    run = held["run"] if held else switch.run if switch else ""
    if not run:
        return None
    facts = held or _planned(records, run)
    at_work = [worker.as_dict() for worker in workers.found(lease.work_lock(contract))]
    return {
        **{name: facts.get(name, "") for name in ("by", "since", "reason", *lease.PLAN)},
        "run": run,
        "controller": facts.get("controller", {}),
        "silent": round(time.time() - (held["expires"] - held.get("term", contract.lease_ttl))) if held else None,
        "expires_in": max(0, round(held["expires"] - time.time())) if held else 0,
        **_phase(records, run, at_work=bool(at_work)),
        "workers": at_work,
        "switch": switch.phase if switch else "",
        "returns_in": max(0, round(switch.deadline - switches.clock())) if switch else None,
    }


def _planned(records: list[dict[str, Any]], run: str) -> dict[str, Any]:
    """Return what the journal says of a run whose lease was given back."""
    taken = [record for record in records if record["run"] == run and record["act"] == "lease taken"]
    return taken[-1] if taken else {}


def _phase(records: list[dict[str, Any]], run: str, *, at_work: bool) -> dict[str, Any]:
    """Return the last phase that the run began here, and how it stands."""
    steps = [record for record in records if record["run"] == run and record["act"] in ("began", "ended")]
    if not steps:
        return {"phase": "", "state": "not begun", "at": ""}
    last = steps[-1]
    began = "works" if at_work else "cut off"
    return {"phase": last.get("phase", ""), "state": last.get("outcome", began), "at": last["time"]}

"""Which run may change this host, and until when? A lease that expires, with a fencing number."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import journal
from .contract import Contract
from .failure import Failure
from .files import lock, read_json, write_json


def lease_file(contract: Contract) -> Path:
    """Return the path of the lease's record."""
    return contract.root / "lease.json"


def work_lock(contract: Contract) -> Path:
    """Return the file whose flock a working module shares: a dead controller frees nothing that still works."""
    return contract.root / "lease.lock"


def holder(contract: Contract) -> dict[str, Any] | None:
    """Return the lease that is in force, or None where it was released or has expired."""
    lease = read_json(lease_file(contract))
    return lease if lease and lease["run"] and time.time() < lease["expires"] else None


def held(contract: Contract, lease: dict[str, Any], why: str) -> Failure:
    """Return the refusal that names the holder."""
    return Failure(
        "refused",
        "take the lease",
        contract.host,
        f"{why}: held by {lease['by']} since {lease['since']} for run {lease['run']}"
        + (f" ({lease['reason']})" if lease.get("reason") else ""),
        "wait for that run, or see `namaskah-deploy lock status`",
    )


def acquire(contract: Contract, run: dict[str, Any]) -> dict[str, Any]:
    """Take the lease for `run`, or keep it where the run has it already; return it, with its fencing number.

    Raises Failure (refused) when another run holds it, or when a module of any run still works here.
    """
    if not run["id"]:
        raise Failure("refused", "take the lease", contract.host, "the run has no name", "give namaskah_run_id")
    known = read_json(lease_file(contract)) or {"fence": 0, "run": "", "by": "?", "since": "?"}
    try:
        with lock(work_lock(contract), 0):
            lease, taken_from = _written(contract, run)
    except Failure as failure:
        if failure.what == "lock the host":
            raise held(contract, known, "a step of a run still works here") from None
        raise
    journal.append(
        contract.root / "journal.jsonl",
        {
            "run": run["id"],
            "by": run["by"],
            "host": contract.host,
            "act": "lease taken",
            "fence": lease["fence"],
            **({"taken_over_from": taken_from} if taken_from else {}),
        },
    )
    return lease


def _written(contract: Contract, run: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Write the lease, under its lock; return it and the dead run that it was taken over from."""
    known = read_json(lease_file(contract)) or {"fence": 0, "run": ""}
    in_force = holder(contract)
    if in_force and in_force["run"] != run["id"]:
        raise held(contract, in_force, "another run holds it")
    lease = {
        "run": run["id"],
        "by": run["by"],
        "reason": run.get("reason", ""),
        "kind": run.get("kind", ""),
        "since": in_force["since"] if in_force else journal.now(),
        "fence": known["fence"] if in_force else known["fence"] + 1,
        "expires": time.time() + contract.lease_ttl,
    }
    write_json(lease_file(contract), lease)
    return lease, "" if in_force else known["run"]


def release(contract: Contract, run_id: str) -> bool:
    """Give the lease back if `run_id` holds it; return whether it did. The fencing number stays."""
    lease = read_json(lease_file(contract))
    if not lease or lease["run"] != run_id:
        return False
    write_json(lease_file(contract), {**lease, "run": "", "expires": 0})
    journal.append(
        contract.root / "journal.jsonl",
        {"run": run_id, "by": lease["by"], "host": contract.host, "act": "lease released"},
    )
    return True


@contextlib.contextmanager
def working(contract: Contract, run: dict[str, Any]) -> Iterator[None]:
    """Work on the host for `run`: refuse a run that lost its lease, renew it, and show that somebody works.

    Raises Failure (refused) when the lease belongs to another run or carries another fencing number.
    """
    with lock(work_lock(contract), 5, shared=True):
        lease = read_json(lease_file(contract))
        if not lease or lease["run"] != run["id"] or lease["fence"] != run["fence"]:
            raise Failure(
                "refused",
                "act for a run",
                contract.host,
                f"run {run['id']} (fence {run['fence']}) does not hold the lease here"
                + (f"; {lease['run']} by {lease['by']} does" if lease and lease["run"] else ""),
                "this run is over: look with `namaskah-deploy status` and start again",
            )
        write_json(lease_file(contract), {**lease, "expires": time.time() + contract.lease_ttl})
        yield

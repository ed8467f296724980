"""Which run may change this host, and until when? A lease that expires, with a fencing number."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import journal, locking, workers
from .contract import Contract
from .failure import Failure
from .files import RECOVER, Damaged, fits, lay_aside, lock, read_record, write_json
from .release import adopt_records

HOLD = "hold"  # the kind of a lease that an operator keeps by hand
# What another controller needs to go on with the run of a dead one.
PLAN = ("kind", "ref", "commit", "tag", "release", "limit", "allow", "reverse")
MOMENT = 2.0  # seconds in which another taker of the lease is done
_NEEDED: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("run", "by", "since"), (str,)), "fence": (int,), "expires": (int, float),
}  # fmt: skip
_FURTHER: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("reason", "kind", "release"), (str,)), "term": (int, float), "controller": (dict,),
}  # fmt: skip


def lease_file(contract: Contract) -> Path:
    """Return the path of the lease's record."""
    return contract.root / "lease.json"


def work_lock(contract: Contract) -> Path:
    """Return the file whose flock whoever works shares: a dead controller frees nothing that still works."""
    return contract.root / "lease.lock"


def locked_files(contract: Contract) -> list[Path]:
    """Return the files of this root that are locked: an earlier version made them for everybody to read."""
    root = contract.root
    return [root / "journal.jsonl", *root.glob("*.lock"), *(root / "venvs").glob("*.lock")]


def read(contract: Contract) -> dict[str, Any] | None:
    """Return the record of the lease, also of one that was given back; raises Damaged when it cannot be read."""
    return read_record(lease_file(contract), _NEEDED, _FURTHER, RECOVER)


def _known(contract: Contract) -> dict[str, Any]:
    """Return the record of the lease; where it is lost or damaged, nobody's, with the number that the journal has."""
    try:
        lease = read(contract)
    except Damaged:
        lease = None
    return lease or {"run": "", "fence": _last_fence(contract)}


def _last_fence(contract: Contract) -> int:
    """Return the highest number of a lease in the journal: a number that was given once is never given again."""
    taken = [record.get("fence") for record in journal.read(contract.root / "journal.jsonl")]
    return max((fence for fence in taken if type(fence) is int), default=0)


def recorded(contract: Contract) -> dict[str, Any] | None:
    """Return the lease that was not given back, whether it is in force or has expired; a damaged one is nobody's."""
    lease = _known(contract)
    return lease if lease["run"] else None


def holder(contract: Contract) -> dict[str, Any] | None:
    """Return the lease that is in force, or None where it was released or has expired."""
    lease = recorded(contract)
    return lease if lease and time.time() < lease["expires"] else None


def held(contract: Contract, lease: dict[str, Any], why: str) -> Failure:
    """Return the refusal that names the holder, since when, why and until when; another host may have told of it."""
    by_hand = lease.get("kind") == HOLD
    what = f"a hold of {lease.get('by')}" if by_hand else f"run {lease.get('run')} of {lease.get('by')}"
    expires = lease.get("expires", 0)
    until = "?"
    if fits(expires, _NEEDED["expires"]):
        until = datetime.fromtimestamp(max(0, expires), UTC).isoformat(timespec="seconds")
    return Failure(
        "refused",
        "take the lease",
        str(lease.get("host") or contract.host),
        f"{why}: {what} since {lease.get('since')}"
        + (f" ({lease['reason']})" if lease.get("reason") else "")
        + f", until {until}{'' if by_hand else ' unless it is renewed'}",
        "wait for it (--lock-wait SECONDS), or see `namaskah-deploy lock status`; "
        + ("a hold ends by `lock release`" if by_hand else "a dead run ends by `namaskah-deploy abort`"),
    )


def acquire(
    contract: Contract, run: dict[str, Any], *, proved: dict[str, Any] | None = None, ending: bool = False
) -> dict[str, Any]:
    """Take the lease for `run`, or keep it where the run has it already; return it, with its fencing number.

    `proved` names run and fence of a holder whose controller is known to be dead; `ending` ends what a run that is
    over has left at work here. Raises Failure (refused) when another run holds it, or when a step still works here.
    """
    if not run["id"]:
        raise Failure("refused", "take the lease", contract.host, "the run has no name", "give namaskah_run_id")
    if ending and (before := recorded(contract)) and _claim(before, run, proved):
        left = [worker.as_dict() for worker in workers.end(work_lock(contract))]
        if left:
            note(contract, run, "ended what was left at work", of=before["run"], processes=left)
    locking.close_to_others(locked_files(contract))
    try:
        with lock(work_lock(contract), MOMENT):
            _lay_damaged_aside(contract, run)
            lease, taken = _written(contract, run, proved)
            adopt_records(contract)
    except Failure as failure:
        if failure.what == locking.WHAT:
            raise _at_work(contract) from None
        raise
    note(contract, run, "lease taken", fence=lease["fence"], **taken)
    return lease


def _lay_damaged_aside(contract: Contract, run: dict[str, Any]) -> None:
    """Make room for the record of the lease, under its lock; nobody works here, or that would be held."""
    try:
        read(contract)
    except Damaged as damaged:
        lay_aside(damaged, {"run": run["id"], "by": run["by"], "host": contract.host})


def _at_work(contract: Contract) -> Failure:
    """Return the refusal while somebody works here, whatever the record says."""
    known = recorded(contract) or {"run": "?", "by": "?", "since": "?"}
    names = ", ".join(f"{worker.name} (pid {worker.pid})" for worker in workers.found(work_lock(contract)))
    return held(contract, known, f"a step still works here: {names or locking.holders(work_lock(contract))}")


def _claim(lease: dict[str, Any], run: dict[str, Any], proved: dict[str, Any] | None) -> str:
    """Return by which right `run` may have this lease that was not given back, or "" where there is none."""
    mine, theirs = run.get("controller") or {}, lease.get("controller") or {}
    if lease["run"] == run["id"] and (not mine or not theirs or mine == theirs):
        return "own"
    if proved and (proved.get("run"), proved.get("fence")) == (lease["run"], lease["fence"]):
        return "its controller is dead"
    return "it had expired" if time.time() >= lease["expires"] else ""


def _written(
    contract: Contract, run: dict[str, Any], proved: dict[str, Any] | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Write the lease, under its lock; return it, and from whom and by which right it was taken over."""
    known = _known(contract)
    claim = _claim(known, run, proved) if known["run"] else "free"
    if not claim:
        raise held(contract, known, "somebody else holds it")
    own = claim == "own"
    term = float(run.get("seconds") or contract.lease_ttl)
    lease = {
        **{name: run[name] for name in PLAN if run.get(name)},
        "run": run["id"],
        "by": run["by"],
        "reason": run.get("reason", ""),
        "controller": run.get("controller") or {},
        "since": known["since"] if own else journal.now(),
        "fence": known["fence"] if own else known["fence"] + 1,
        "term": term,
        "expires": time.time() + term,
    }
    write_json(lease_file(contract), lease)
    return lease, {} if claim in ("own", "free") else {"taken_over_from": known["run"], "because": claim}


def refuse_living(contract: Contract, run: dict[str, Any], proved: dict[str, Any] | None = None) -> None:
    """Raise Failure (refused) while a living run of somebody else holds the host, and when a later one has held it.

    `proved` names run and fence of a holder whose controller is known to be dead. No word of an operator stands for it.
    Recovery may have no number of its own.
    """
    if run.get("fence") and run["fence"] < _known(contract)["fence"]:
        held_by(contract, run)
    found = holder(contract)
    if found and found["run"] != run["id"] and not _claim(found, run, proved):
        raise held(contract, found, "a run that has not expired holds it")


def release(contract: Contract, run_id: str, fence: int = 0) -> bool:
    """Give the lease back if `run_id` holds it, by this number where one is given; return whether it did."""
    lease = recorded(contract)
    if not lease or lease["run"] != run_id or fence not in (0, lease["fence"]):
        return False
    write_json(lease_file(contract), {**lease, "run": "", "expires": 0})
    note(contract, {"id": run_id, "by": lease["by"]}, "lease released")
    return True


def refuse_over(until: float, where: str) -> None:
    """Raise Failure (refused) after `until`, seconds of the epoch at which the run's lease is over; 0 = it has none.

    For what a run does on a host that keeps no lease: a step that was held up for longer may meet another run's work.
    """
    if until and time.time() >= until:
        why = "the lease under which this step was begun is over, so another run may be at work"
        raise Failure("refused", "act for a run", where, why, "look with `namaskah-deploy status` and start again")


def held_by(contract: Contract, run: dict[str, Any]) -> dict[str, Any]:
    """Return the lease of `run`; raises Failure (refused) when it belongs to another run or has another number."""
    lease = read(contract)
    if not lease or lease["run"] != run["id"] or lease["fence"] != run["fence"]:
        raise Failure(
            "refused",
            "act for a run",
            contract.host,
            f"run {run['id']} (fence {run['fence']}) does not hold the lease here"
            + (f"; {lease['run']} by {lease['by']} does" if lease and lease["run"] else ""),
            "this run is over: look with `namaskah-deploy status` and start again",
        )
    return lease


def let_go(contract: Contract, run: dict[str, Any]) -> bool:
    """End a hold: one's own, an expired one, or with --allow take-over somebody else's; return whether there was one.

    Raises Failure (refused) when it is somebody else's, or a run's.
    """
    lease = recorded(contract)
    if not lease:
        return False
    forced = "--allow take-over" if run.get("force") and run.get("reason") else ""
    claim = "own" if lease["by"] == run["by"] else _claim(lease, run, None) or forced
    if lease.get("kind") != HOLD or not claim:
        refusal = held(contract, lease, "it is not yours to release")
        advice = {True: "ask them, or release it with --allow take-over and -m REASON", False: refusal.next_step}
        raise Failure("refused", "release the lease", refusal.where, refusal.why, advice[lease.get("kind") == HOLD])
    if claim != "own":
        facts = {"taken_over_from": lease["by"], "because": claim, "reason": run.get("reason", "")}
        note(contract, run, "hold taken over", **facts)
    return release(contract, lease["run"])


def note(contract: Contract, run: dict[str, Any], act: str, **facts: Any) -> None:
    """Write an act of a run into the host's journal."""
    record = {"run": run["id"], "by": run["by"], "host": contract.host, "act": act, **facts}
    journal.append(contract.root / "journal.jsonl", record)

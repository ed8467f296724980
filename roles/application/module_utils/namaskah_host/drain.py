"""Is this host out of its balancer, since when, and by which run? The record that outlives a killed run."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from . import journal, lease
from .contract import Contract
from .failure import Failure
from .files import read_record, sync_folder, write_json


def record_file(contract: Contract) -> Path:
    """Return the path of the record; it exists from before the host leaves until every balancer shows it back."""
    return contract.root / "drain.json"


def read(contract: Contract) -> dict[str, Any] | None:
    """Return the record: run, by, since, found_out; None where the host is in its balancers. Raises Damaged."""
    needed: dict[str, tuple[type, ...]] = {**dict.fromkeys(("run", "by", "since"), (str,)), "found_out": (list,)}
    path = record_file(contract)
    advice = f"see in every balancer that it sends {contract.host} traffic, then `mv {path} {path}.unreadable`"
    return read_record(path, needed, {}, advice)


def judge(answers: dict[str, dict[str, Any]], what: str) -> None:
    """Raise the first failure among what the balancers answered (`namaskah_balancer`), an unreachable one first."""
    silent = sorted(name for name, answer in answers.items() if answer.get("unreachable"))
    if silent:
        raise Failure(
            "unreachable",
            what,
            ", ".join(silent),
            str(answers[silent[0]].get("msg") or "it cannot be reached"),
            "mend the way to the balancer's host, then run `namaskah-deploy recover`",
        )
    for name, answer in sorted(answers.items()):
        told = (answer.get("result") or {}).get("failure")
        if told:
            raise Failure(told["class"], told["what"], f"{name}: {told['where']}", told["why"], told["next"])


def begin(contract: Contract, run: dict[str, Any], answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Record that `run` takes the host out; return the balancers that have to be told.

    A server that somebody else took out is left as it was found, then and afterwards.
    """
    judge(answers, "leave the balancer")
    known = read(contract)
    found_out = (
        known["found_out"] if known else sorted(name for name in answers if not answers[name]["result"]["in_service"])
    )
    write_json(
        record_file(contract),
        {"run": run["id"], "by": run["by"], "since": journal.now(), "found_out": found_out},
    )
    _note(contract, run, "leaves the balancer", found_out=found_out)
    return {"changed": True, "drained": True, "balancers": sorted(set(answers) - set(found_out))}


def left(contract: Contract, run: dict[str, Any], answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Note that every balancer shows the host drained; raises Failure where one does not."""
    judge(answers, "leave the balancer")
    sessions = sum(answer["result"]["sessions"] for answer in answers.values())
    _note(contract, run, "left the balancer", sessions=sessions)
    return {"changed": True, "drained": True, "sessions": sessions}


def owed(contract: Contract, run: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the balancers of `names` that the host has to be put back into; none where it never left.

    Raises Failure (refused) when a living run of somebody else holds the host.
    """
    record = read(contract)
    if record is None:
        return {"drained": False, "balancers": []}
    lease.refuse_living(contract, run)
    return {"drained": True, "balancers": sorted(name for name in {*names} if name not in record["found_out"])}


def end(contract: Contract, run: dict[str, Any], answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Forget the record when every balancer shows the host healthy again; raises Failure where one does not.

    Raises Failure (refused) when a living run of somebody else holds the host.
    """
    record = read(contract)
    if record is None:
        return {"drained": False, "found_out": []}
    lease.refuse_living(contract, run)
    judge(answers, "come back to the balancer")
    with contextlib.suppress(FileNotFoundError):
        record_file(contract).unlink()
        sync_folder(contract.root)
    _note(contract, run, "back in the balancer", found_out=record["found_out"])
    return {"changed": True, "drained": False, "found_out": record["found_out"]}


def _note(contract: Contract, run: dict[str, Any], act: str, **facts: Any) -> None:
    told = {"run": run["id"], "by": run["by"], "host": contract.host, "act": act, **facts}
    journal.append(contract.root / "journal.jsonl", told)

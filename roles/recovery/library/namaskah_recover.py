#!/usr/bin/python
"""Bring a host to a final state after a bad end, from whatever is found there."""

from __future__ import annotations

import secrets
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import activation, lease, status
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_recover
short_description: Bring a host to a final state after a bad end
description:
  - An unconfirmed switch returns, or is completed where other hosts have confirmed the same run. An instance that
    nobody switched to is stopped. The lease of the run that ended is given back. Needs neither git nor a package index.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run that asks: id and by.", type: dict, required: true}
  decided: {description: Runs whose switch some host has confirmed., type: list, elements: str, default: []}
  why: {description: The reason that the record keeps., type: str, required: true}
  bad: {description: Whether the release itself failed., type: bool, default: false}
  withdraw:
    description: Whether the static files of what does not stand are taken out of the pool again.
    type: bool
    default: true
  proved: {description: "Run and fence of a holder whose controller is known to be dead.", type: dict, default: {}}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Recover under the lease, which is taken from a run that is over, never from a living one."""
    asked = module.params
    if not (contract.root / "releases").is_dir():
        # It may have got its lease here and been refused on another host.
        lease.release(contract, run["id"], int(run.get("fence") or 0))
        return {"host": contract.host, "state": "nothing", "serving": None, "from": None, "to": None, "why": ""}
    damaged = status.damaged(contract)
    run = {**run, "kind": "recover", "id": run["id"] or f"recover-{secrets.token_hex(4)}"}
    run["fence"] = lease.acquire(contract, run, proved=asked["proved"], ending=True)["fence"]
    try:
        with working(contract, run, "recover"):
            result = activation.recover(
                contract, asked["decided"], asked["why"], bad=asked["bad"], withdraw=asked["withdraw"]
            )
    except Failure as failure:
        failure.result = {"host": contract.host, "state": "failed", "why": str(failure)}
        raise
    lease.release(contract, run["id"], run["fence"])
    left = {failure.where: failure for failure in status.damaged(contract)}
    notes = [f"{one.where} was damaged ({one.why}) and was laid aside" for one in damaged if one.where not in left]
    return {**result, "notes": [*notes, *(f"{one}; {one.next_step}" for one in left.values())]}


if __name__ == "__main__":
    serve(
        act,
        {
            "decided": {"type": "list", "elements": "str", "default": []},
            "why": {"type": "str", "required": True},
            "bad": {"type": "bool", "default": False},
            "withdraw": {"type": "bool", "default": True},
            "proved": {"type": "dict", "default": {}},
        },
    )

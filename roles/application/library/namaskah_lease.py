#!/usr/bin/python
"""Take, await, give back or show the lease on a host."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.release import current

DOCUMENTATION = r"""
module: namaskah_lease
short_description: Take, await, give back or show the lease on a host
description:
  - A lease says which run may change the application on this host, and until when. It expires, so that a dead run
    blocks nobody for ever, and it carries a fencing number that every later step checks.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that asks., type: dict, default: {}}
  state:
    description:
      - C(acquired) takes it, C(released) gives back the run's own, C(shown) tells it.
      - C(awaited) fails with the holder's name while another run has it; to be asked again and again.
      - C(held) is an operator's own hold, C(let_go) ends one.
    type: str
    choices: [acquired, released, shown, awaited, held, let_go]
    default: acquired
  others: {description: "With C(acquired): leases that other hosts told of.", type: list, elements: dict, default: []}
  proved: {description: "Run and fence of a holder whose controller is known to be dead.", type: dict, default: {}}
  live: {description: "With C(acquired): the release that preflight saw live; ? = unknown.", type: str, default: "?"}
  ending: {description: End what a run that is over has left at work., type: bool, default: false}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says."""
    state, asked = module.params["state"], module.params
    if state == "acquired":
        _refuse_foreign(contract, run, asked["others"])
        taken = lease.acquire(contract, run, proved=asked["proved"], ending=asked["ending"])
        _refuse_changed(contract, asked["live"])
        return {"changed": True, **taken}
    if state == "held":
        return {"changed": True, **lease.acquire(contract, {**run, "kind": lease.HOLD})}
    if state == "let_go":
        return {"changed": lease.let_go(contract, run)}
    if state == "released":
        return {"changed": lease.release(contract, run["id"], int(run.get("fence") or 0))}
    if state == "awaited":
        lease.refuse_living(contract, run, asked["proved"])
    return {"lease": lease.recorded(contract)}


def _refuse_foreign(contract: Contract, run: dict[str, Any], leases: list[dict[str, Any]]) -> None:
    """Raise Failure for a lease in force of another run: also on another host, where this one's may have expired."""
    for found in leases:
        if found.get("run") != run["id"]:
            raise lease.held(contract, found, "somebody else holds it")


def _refuse_changed(contract: Contract, seen: str) -> None:
    """Raise Failure when another release is live than preflight saw: all that it found out would be out of date."""
    live = current(contract)
    if seen not in ("?", live.id if live else ""):
        why = f"{live.id if live else 'nothing'} is live now, it was {seen or 'nothing'}: another run came in between"
        raise Failure("failed", "go on after the checks", contract.host, why, "start the run again")


if __name__ == "__main__":
    serve(
        act,
        {
            "state": {
                "type": "str",
                "choices": ["acquired", "released", "shown", "awaited", "held", "let_go"],
                "default": "acquired",
            },
            "others": {"type": "list", "elements": "dict", "default": []},
            "proved": {"type": "dict", "default": {}},
            "ending": {"type": "bool", "default": False},
            "live": {"type": "str", "default": "?"},
        },
    )

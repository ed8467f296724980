#!/usr/bin/python
"""Take, give back or show the lease on a host."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_lease
short_description: Take, give back or show the lease on a host
description:
  - A lease says which run may change the application on this host, and until when. It expires, so that a dead run
    blocks nobody for ever, and it carries a fencing number that every later step checks.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that asks., type: dict, default: {}}
  state:
    description: What to do.
    type: str
    choices: [acquired, released, shown]
    default: acquired
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says."""
    if module.params["state"] == "acquired":
        return {"changed": True, **lease.acquire(contract, run)}
    if module.params["state"] == "released":
        return {"changed": lease.release(contract, run["id"])}
    return {"lease": lease.holder(contract)}


if __name__ == "__main__":
    serve(
        act,
        {
            "state": {"type": "str", "choices": ["acquired", "released", "shown"], "default": "acquired"},
        },
    )

#!/usr/bin/python
"""Stop the live release's services that may not overlap for a while, or start them again."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import pausing, switch
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_pause
short_description: Stop the live release's services that may not overlap for a while, or start them again
description:
  - The release stays. The pause is written down on the host, and recovery ends one that its run did not.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, fence.", type: dict, required: true}
  state:
    description: C(paused) stops them, C(going) ends a pause.
    type: str
    choices: [paused, going]
    required: true
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says, under the lease."""
    with working(contract, run, "pause"):
        if module.params["state"] == "paused":
            return pausing.pause(contract, run)
        with switch.locked(contract):
            names = pausing.go_on(contract)
        return {"changed": bool(names), "services": names}


if __name__ == "__main__":
    serve(act, {"state": {"type": "str", "choices": ["paused", "going"], "required": True}})

#!/usr/bin/python
"""Switch a host to a prepared release, provisionally."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import activation, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_activate
short_description: Switch a host to a prepared release, provisionally
description:
  - Starts the release beside the live one, waits until it is well on its own socket, arms the host's own return and
    renames C(current). Unless the run confirms within the time, the host returns by itself.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, release, fence.", type: dict, required: true}
  seconds: {description: The time within which the run must confirm., type: float, required: true}
  state: {description: How far to go., type: str, choices: [switched, paused], default: switched}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Activate, or pause, under the lease."""
    go = {"switched": activation.activate, "paused": activation.pause}[module.params["state"]]
    with working(contract, run, "activate"):
        return go(contract, run, module.params["seconds"], still=lambda: lease.held_by(contract, run))


if __name__ == "__main__":
    serve(
        act,
        {
            "seconds": {"type": "float", "required": True},
            "state": {"type": "str", "choices": ["switched", "paused"], "default": "switched"},
        },
    )

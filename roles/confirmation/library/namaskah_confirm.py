#!/usr/bin/python
"""Make a provisional switch final on a host."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import activation, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_confirm
short_description: Make a provisional switch final on a host
description:
  - Afterwards the old instance keeps only its open connections, and stops when they are gone or its grace is over.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, release, fence.", type: dict, required: true}
  ask: {description: Only say whether the switch still stands., type: bool, default: false}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Confirm under the lease, or ask whether that can be done."""
    if module.params["ask"]:
        lease.held_by(contract, run)
        return activation.stands(contract, run)
    with working(contract, run, "confirm"):
        return activation.confirm(contract, run)


if __name__ == "__main__":
    serve(act, {"ask": {"type": "bool", "default": False}})

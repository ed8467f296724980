#!/usr/bin/python
"""Tell how a host stands, or which releases it has."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import status
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_status
short_description: Tell how a host stands, or which releases it has
description:
  - Reads the host's own records, instances and processes; changes nothing.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: Not used., type: dict, default: {}}
  remote: {description: Ask the repository whether the live tag was moved., type: bool, default: false}
  releases: {description: List the releases as well., type: bool, default: false}
"""


def act(contract: Contract, _run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Read the host's state."""
    found = status.of_host(contract, remote=module.params["remote"])
    if module.params["releases"]:
        found["releases"] = status.of_releases(contract)
    return found


if __name__ == "__main__":
    serve(act, {name: {"type": "bool", "default": False} for name in ("releases", "remote")})

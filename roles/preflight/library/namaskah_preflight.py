#!/usr/bin/python
"""Find everything that would make a release fail on a host, before anything is changed."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import identity, lease, readiness
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.release import current

DOCUMENTATION = r"""
module: namaskah_preflight
short_description: Find everything that would make a release fail on a host
description:
  - Reads only. Reports every complaint at once, so that an operator mends them in one go.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, kind, commit.", type: dict, required: true}
  controller_time: {description: Seconds since the epoch by the controller's clock., type: float, default: 0}
  shared_urls: {description: "URL prefix of what nginx serves of shared/: its folder.", type: dict, default: {}}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Examine the host; fail with all complaints."""
    complaints = readiness.examine(contract, run, module.params["controller_time"], module.params["shared_urls"])
    if complaints:
        first = complaints[0]
        why = "\n".join(f"- {complaint['why']} [{complaint['check']}]" for complaint in complaints)
        remedies = "\n".join(dict.fromkeys(f"- {complaint['next']}" for complaint in complaints))
        single = len(complaints) == 1
        raise Failure(
            "refused",
            "pass preflight",
            contract.host,
            first["why"] if single else f"\n{why}",
            first["next"] if single else f"\n{remedies}",
        )
    # In the middle of another run hosts may differ; who takes the lease next is told about that run.
    live = None if readiness.busy(contract, run["id"]) else current(contract)
    record = live.record if live else {}
    shown = {"release": record["id"], "commit": record["commit"], "tag": record["tag"]} if record else {}
    holder = lease.holder(contract)
    return {"complaints": [], "live": shown, "holder": holder, "place": identity.place_of(contract)}


if __name__ == "__main__":
    serve(act, {"controller_time": {"type": "float", "default": 0}, "shared_urls": {"type": "dict", "default": {}}})

#!/usr/bin/python
"""Drop the releases that retention by meaning lets go."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import retention
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.release import all_of
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_prune
short_description: Drop the releases that retention by meaning lets go
description:
  - The live release, the good one before it, tagged ones and those that an instance names always stay.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, fence.", type: dict, required: true}
"""


def act(contract: Contract, run: dict[str, Any], _module: AnsibleModule) -> dict[str, Any]:
    """Prune under the lease."""
    with working(contract, run, "prune"):
        dropped = retention.prune(contract)
        kept = [{name: release.record.get(name, "") for name in ("id", "run")} for release in all_of(contract)]
    gone = [dropped[what] for what in ("releases", "unfinished", "venvs", "assets")]
    return {"changed": any(gone), **dropped, "kept": kept}


if __name__ == "__main__":
    serve(act)

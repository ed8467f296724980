#!/usr/bin/python
"""Make a commit a complete release on a host, without touching the live one."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import retention
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_prepare
short_description: Make a commit a complete release on a host
description:
  - Fetches the commit, exports it, makes or reuses the virtualenv, builds, collects the static files into the
    release, and writes the launchers. The record is written last.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, ref, tag, commit, release, fence.", type: dict, required: true}
"""


def act(contract: Contract, run: dict[str, Any], _module: AnsibleModule) -> dict[str, Any]:
    """Prepare under the lease."""
    with working(contract, run, "prepare") as held:
        # A release that fails never reaches the pruning at the end, so that room is made here as well.
        retention.prune(contract)
        result = Build(contract, run, held).prepare()
    return {"changed": not result["reused"], **result}


if __name__ == "__main__":
    serve(act)

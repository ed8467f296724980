#!/usr/bin/python
"""List or apply the pending migrations of a prepared release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.migrate import Migration
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_migrate
short_description: List or apply the pending migrations of a prepared release
description:
  - Runs on one host for the whole fleet, in the release's folder, with the environment files and a lock time-out, so
    that a statement which has to wait gives up before the site waits behind it.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, commit, release, fence.", type: dict, required: true}
  apply: {description: Apply them; otherwise they are only listed., type: bool, default: true}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """List or apply under the lease."""
    with working(contract, run, "migrate") as held:
        build = Build(contract, run, held)
        build.venv = Path(contract.root) / "venvs" / build.release.record["venv"]
        migration = Migration(build)
        if not module.params["apply"]:
            return {"pending": migration.pending()}
        result = migration.apply()
    return {"changed": bool(result["applied"]), **result}


if __name__ == "__main__":
    serve(act, {"apply": {"type": "bool", "default": True}})

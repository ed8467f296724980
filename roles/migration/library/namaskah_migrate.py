#!/usr/bin/python
"""List or apply the pending migrations of a prepared release."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import retention
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working
from ansible.module_utils.namaskah_schema.gate import Gate

DOCUMENTATION = r"""
module: namaskah_migrate
short_description: List or apply the pending migrations of a prepared release
description:
  - Runs on one host for the whole fleet, in the release's folder, with the environment files and a lock time-out, so
    that a statement which has to wait gives up before the site waits behind it.
  - Holds a lock in the database meanwhile, and waits for dumps to end.
  - Refuses a release whose application uses another database than the one that is migrated and backed up.
  - Refuses migrations that the code which serves meanwhile would fail on, unless that was allowed by name.
  - Afterwards compares the rows of the tables that they touch with those of the backup of this run.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, commit, release, fence.", type: dict, required: true}
  rows: {description: Rows of each table in the backup of this run; empty where there is none., type: dict, default: {}}
  backed_up:
    description: System identifier and oid of the database in the backup of this run; empty where there is none.
    type: list
    elements: str
    default: []
  apply:
    description: Apply them; otherwise they are only shown, and the release, which was prepared for that, is removed.
    type: bool
    default: true
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Show or apply under the lease."""
    with working(contract, run, "migrate") as held:
        gate = Gate(contract, run, held, module.params["rows"], module.params["backed_up"])
        if not module.params["apply"]:
            try:
                return gate.look()
            finally:
                retention.discard(gate.release)
        result = gate.apply()
    return {"changed": bool(result["applied"]), **result}


if __name__ == "__main__":
    serve(
        act,
        {
            "apply": {"type": "bool", "default": True},
            "rows": {"type": "dict", "default": {}},
            "backed_up": {"type": "list", "elements": "str", "default": []},
        },
    )

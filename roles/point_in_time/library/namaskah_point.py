#!/usr/bin/python
"""Check that a database server can be returned to a moment, or name the present one."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working_if_held
from ansible.module_utils.namaskah_points.pgbackrest import Stanza

DOCUMENTATION = r"""
module: namaskah_point
short_description: Check that a database server can be returned to a moment, or name the present one
description:
  - The archive is pgBackRest's; this only asks it, and names a restore point in PostgreSQL.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: its id becomes the name.", type: dict, required: true}
  stanza: {description: Name of the stanza., type: str, required: true}
  service: {description: Entry of the service file that names the point., type: str, required: true}
  command: {description: The program, as whom it needs to run., type: list, elements: str, required: true}
  timeout: {description: Seconds for one question., type: int, default: 120}
  days: {description: How old the newest backup may be; 0 for any age., type: float, default: 0}
  state: {description: What to do., type: str, choices: [checked, marked], default: checked}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says."""
    words = module.params
    stanza = Stanza(words["stanza"], words["command"], words["service"], words["timeout"], words["days"])
    if words["state"] == "checked":
        return stanza.check()
    with working_if_held(contract, run, "name the moment"):
        return stanza.mark(run["id"])


if __name__ == "__main__":
    serve(
        act,
        {
            "stanza": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 120},
            "days": {"type": "float", "default": 0},
            "state": {"type": "str", "choices": ["checked", "marked"], "default": "checked"},
        },
    )

#!/usr/bin/python
"""Say what a rollback means for the database, and reverse migrations where that was asked for."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working
from ansible.module_utils.namaskah_schema import difference

DOCUMENTATION = r"""
module: namaskah_schema
short_description: Say what a rollback means for the database
description:
  - Compares the migrations that the live release and the one to return to know, by their own code and by what was kept
    of pruned releases.
  - With C(known), says what the host knows of a commit's migrations, for the choice of a backup.
  - With C(settled), refuses a return to code that fails on the schema, or reverses what is ahead, by the code of the
    live release, under the lease, the database's lock and a lock time-out.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, commit, release, fence.", type: dict, default: {}}
  state:
    description: C(told) only says it, of what the records would choose; C(settled) acts for a run.
    type: str
    choices: [told, known, settled]
    default: told
  tag: {description: With C(told) - the tag to return to; empty is the last good release., type: str, default: ''}
  commit: {description: With C(known) - the commit., type: str, default: ''}
  reverse: {description: With C(settled) - reverse the migrations that are ahead., type: bool, default: false}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Tell or settle."""
    if module.params["state"] == "settled":
        with working(contract, run, "judge the schema") as held:
            return difference.settle(contract, run, reverse=module.params["reverse"], held=held)
    if module.params["state"] == "known":
        return {"code": difference.code_of(contract, module.params["commit"])}
    tag = module.params["tag"]
    return difference.compare(contract, difference.target_of(contract, tag), tag=tag).as_dict()


if __name__ == "__main__":
    serve(
        act,
        {
            "state": {"type": "str", "choices": ["told", "known", "settled"], "default": "told"},
            "tag": {"type": "str", "default": ""},
            "commit": {"type": "str", "default": ""},
            "reverse": {"type": "bool", "default": False},
        },
    )

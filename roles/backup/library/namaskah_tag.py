#!/usr/bin/python
"""Mark the commit that runs now by an annotated tag on the remote, from the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_git import mirror, tagging
from ansible.module_utils.namaskah_git.command import Git
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_tag
short_description: Tag the commit that runs now, push the tag and check it on the remote
description:
  - Runs on the controller; hosts have keys that only read.
  - Needs no git identity on the machine. The name is environment, UTC second and the run's suffix.
  - When the remote refuses the tag, nothing of it is left in the controller's copy.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that tags., type: dict, default: {}}
  repository: {description: Address of the repository as the controller writes it., type: str, required: true}
  commit: {description: The commit that runs now., type: str, required: true}
  facts: {description: What the tag's message says, name to value., type: dict, default: {}}
  timeout: {description: Seconds for one git command., type: int, default: 120}
  cache: {description: Folder of bare copies; empty is the XDG cache folder., type: path, default: ""}
  pass_on: {description: Further names of the environment that git gets., type: list, elements: str, default: []}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Tag what runs now
  namaskah_tag:
    contract: "{{ namaskah_contract }}"
    run: "{{ namaskah_run }}"
    repository: ssh://git@git.example/dashboard.git
    commit: 0123456789abcdef0123456789abcdef01234567
  delegate_to: localhost
"""

RETURN = r"""
result:
  description: C(backup_tag) (its name), C(tagged) (the commit) and C(object) (the tag object).
  returned: success
  type: dict
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Tag, push, check."""
    asked = module.params
    mark = tagging.Mark(
        repository=asked["repository"],
        commit=asked["commit"],
        environment=contract.environment,
        run=str(run.get("id", "")),
        by=str(run.get("by", "")),
        facts={name: str(value) for name, value in asked["facts"].items()},
        resume=bool(run.get("resume")),
    )
    cache = Path(asked["cache"]) if asked["cache"] else mirror.default_cache()
    return {"changed": True, **tagging.make(Git(timeout=asked["timeout"], pass_on=asked["pass_on"]), mark, cache)}


if __name__ == "__main__":
    serve(
        act,
        {
            "repository": {"type": "str", "required": True},
            "commit": {"type": "str", "required": True},
            "facts": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 120},
            "cache": {"type": "path", "default": ""},
            "pass_on": {"type": "list", "elements": "str", "default": []},
        },
    )

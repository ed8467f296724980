#!/usr/bin/python
"""Say what a release would do on a host; reads only."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import forecast
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_plan
short_description: Say what a release would do on a host
description:
  - Compares the commit that is live with the one that would be released. Changes nothing.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: commit, tag, ref.", type: dict, required: true}
  range: {description: Commits and files between the two commits, as C(namaskah_resolve) returned., type: dict}
  subject: {description: First line of the commit that would be released., type: str, default: ''}
  archived: {description: Folders of this host that backups hold., type: list, elements: str, default: []}
  waves: {description: The hosts that are switched at once., type: str, default: '100%'}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Return the forecast."""
    return forecast.of_release(contract, run, module.params["range"], module.params["archived"]) | {
        "subject": module.params["subject"],
        "waves": module.params["waves"],
    }


if __name__ == "__main__":
    serve(
        act,
        {
            "range": {"type": "dict", "default": {}},
            "subject": {"type": "str", "default": ""},
            "archived": {"type": "list", "elements": "str", "default": []},
            "waves": {"type": "str", "default": "100%"},
        },
    )

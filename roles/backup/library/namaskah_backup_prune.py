#!/usr/bin/python
"""Remove the backups that retention lets go, or say which it would."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import prune, retention, settings
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_backup_prune
short_description: Remove the backups that retention lets go, or say which it would
description:
  - Stay - pinned backups, the last proved one, the C(count) newest proved ones, those younger than C(days), those that
    a release needs which an application host keeps, and those in use.
  - Nothing is removed while a manifest is damaged or changed, or while a host did not say what it keeps.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that prunes., type: dict, default: {}}
  settings: {description: As those of namaskah_backup., type: dict, required: true}
  state: {description: C(preview) only says what would go., type: str, choices: [preview, pruned], default: preview}
  count: {description: How many of the newest proved backups stay., type: int, required: true}
  days: {description: For how many days every backup stays., type: float, required: true}
  kept:
    description: For each application host what it keeps - a list of its releases' records; null where it did not say.
    type: dict
    default: {}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Show what would go
  namaskah_backup_prune:
    contract: "{{ namaskah_contract }}"
    settings: "{{ backup_settings }}"
    count: 7
    days: 14
    kept: {app1: [{id: 20260101T000000Z-aaaaaaaaaaaa, run: 20260101T000000Z-beef}]}
"""

RETURN = r"""
result:
  description: C(verdicts), one for each backup with C(id), C(stays), C(does) and C(why), and C(removed), their ids.
  returned: success
  type: dict
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Judge, and with C(pruned) remove."""
    asked = settings.read(contract.raw, run, {}, module.params["settings"])
    rules = retention.rules(module.params["count"], module.params["days"])
    needs = _needs(module.params["kept"])
    try:
        return (prune.prune if module.params["state"] == "pruned" else prune.preview)(asked, rules, needs)
    except OSError as error:
        where, why = str(error.filename or asked.root), error.strerror or str(error)
        raise Failure("failed", "Backups cannot be pruned", where, why, "give the deploy user its rights") from error


def _needs(kept: dict[str, Any]) -> retention.Needs:
    """What the hosts keep. Raises Failure for a host that did not say it: its rollback might need any backup."""
    silent = sorted(host for host, records in kept.items() if not isinstance(records, list))
    if silent:
        why = "it did not say which releases it keeps, and these may need any of the backups"
        next_step = "prune when it can be reached again"
        raise Failure("refused", "Backups are not pruned", ", ".join(silent), why, next_step)
    records = [record for found in kept.values() for record in found]
    return retention.Needs(
        releases={str(record.get("id", "")) for record in records} - {""},
        runs={str(record.get("run", "")) for record in records} - {""},
    )


if __name__ == "__main__":
    serve(
        act,
        {
            "settings": {"type": "dict", "required": True, "options": settings.ARGUMENTS},
            "state": {"type": "str", "choices": ["preview", "pruned"], "default": "preview"},
            "count": {"type": "int", "required": True},
            "days": {"type": "float", "required": True},
            "kept": {"type": "dict", "default": {}},
        },
    )

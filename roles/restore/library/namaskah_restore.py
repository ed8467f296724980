#!/usr/bin/python
"""Restore a database beside the live one, swap it in, confirm it, swap it back, or mend what a killed restore left."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import settings as backup_settings
from ansible.module_utils.namaskah_host import lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working_if_held
from ansible.module_utils.namaskah_restore import exchange, keeping, mending, settings, story
from ansible.module_utils.namaskah_restore.choice import Code

DOCUMENTATION = r"""
module: namaskah_restore
short_description: Restore a PostgreSQL database into a new one and swap it in
description:
  - C(prepared) restores a backup into a new database, proves it as the backup was proved, gives it the live one's
    owner, rights, limits, settings and comment, and counts which rows of the live one it has not; the live database
    is only read.
  - C(swapped) holds clients off, and gives the new database the live name by two renames in one transaction. The
    replaced one is kept under a dated name, closed to clients.
  - A swap that is not C(final) is swapped back by C(recovered), unless C(confirmed) came before.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that the restore is part of., type: dict, default: {}}
  state:
    description: What is done.
    type: str
    choices: [checked, prepared, swapped, confirmed, returned, pending, recovered, listed, dropped]
    default: checked
  id: {description: The backup to restore; empty is the newest proved one. With C(dropped) - the restore., type: str}
  release:
    description: The release that the restore is for; with C(recovered) - the one that all hosts serve.
    type: str
  commit: {description: Without an id - only backups that were made while this commit ran., type: str, default: ""}
  migrations:
    description: What the host knows of that commit's migrations - C(known), C(later), C(heads); empty is nothing.
    type: dict
    default: {}
  final: {description: With C(swapped) - whether the swap stands without a confirmation., type: bool, default: false}
  until: {description: End of the application hosts' leases; 0 = they have none., type: float, default: 0}
  settings: {description: As of namaskah_backup., type: dict, required: true}
  restore: {description: What only a restore has; the role's defaults explain each., type: dict, required: true}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Restore the newest proved backup beside the live database
  namaskah_restore:
    contract: "{{ namaskah_contract }}"
    settings: "{{ backup_settings }}"
    restore: {service: dashboard-restore}
    state: prepared
"""

RETURN = r"""
result:
  description: C(id), C(backup), C(phase), C(live), C(kept), C(loss), C(held_off_ms), C(seconds), C(notes).
  returned: success
  type: dict
"""
STATES = ("checked", "prepared", "swapped", "confirmed", "returned", "pending", "recovered", "listed", "dropped")

READING = ("checked", "pending", "listed")


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says; what is written is nobody else's to read."""
    os.umask(0o077)
    words = module.params
    asked = settings.read(contract.raw, run, words["settings"], words["restore"])
    code = Code(words["commit"], words["migrations"])
    steps = {
        "checked": lambda: story.check(asked, words["id"], code),
        "prepared": lambda: story.prepare(asked, words["id"], words["release"], code),
        "swapped": lambda: exchange.swap_in(asked, final=words["final"]),
        "confirmed": lambda: exchange.confirm(asked),
        "returned": lambda: exchange.swap_back(asked),
        "pending": lambda: mending.pending(asked),
        "recovered": lambda: mending.recover(asked, words["release"]),
        "listed": lambda: keeping.listed(asked),
        "dropped": lambda: keeping.drop_kept(asked, words["id"]),
    }
    lease.refuse_over(words["until"], asked.where)
    changes = words["state"] not in READING
    try:
        with working_if_held(contract, run, "restore") if changes else contextlib.nullcontext():
            return steps[words["state"]]()
    except OSError as error:
        where, why = str(error.filename or asked.folder), error.strerror or str(error)
        next_step = "free space, mend the disk or give the deploy user its rights; then: namaskah-deploy recover ENV"
        raise Failure("failed", "The restore's record cannot be written or read", where, why, next_step) from error


if __name__ == "__main__":
    serve(
        act,
        {
            "settings": {"type": "dict", "required": True, "options": backup_settings.ARGUMENTS},
            "restore": {"type": "dict", "required": True, "options": settings.ARGUMENTS},
            "state": {"type": "str", "choices": list(STATES), "default": "checked"},
            "id": {"type": "str", "default": ""},
            "release": {"type": "str", "default": ""},
            "commit": {"type": "str", "default": ""},
            "migrations": {"type": "dict", "default": {}},
            "final": {"type": "bool", "default": False},
            "until": {"type": "float", "default": 0},
        },
    )

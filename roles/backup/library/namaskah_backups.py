#!/usr/bin/python
"""List the backups of a host, or read every byte of them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import manifest
from ansible.module_utils.namaskah_backups.story import summary
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_backups
short_description: List or verify the backups of a host
description:
  - C(listed) reads the manifests. C(verified) also checks the size and SHA-256 of every file, that no file is missing
    or too many, and that no manifest was changed since the next one was tied to it; damage fails the task.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: Unused; every module of ours takes it., type: dict, default: {}}
  root: {description: Folder of backups., type: path, required: true}
  state: {description: What is done., type: str, choices: [listed, verified], default: listed}
  id: {description: With C(verified) - only this one., type: str, default: ""}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Show the backups
  namaskah_backups:
    contract: "{{ namaskah_contract }}"
    root: /var/backups/dashboard
"""

RETURN = r"""
result:
  description: C(backups), oldest first, and C(wrong), what is wrong with folders that are no backups or damaged ones.
  returned: success
  type: dict
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Read, and with C(verified) compare."""
    del run
    root, only = Path(module.params["root"]), module.params["id"]
    try:
        backups, wrong = manifest.listed(root) if root.exists() else ([], [])
    except OSError as error:
        next_step = "let the deploy user read it, or correct backup_root"
        raise Failure("failed", "Backups cannot be listed", str(root), str(error), next_step) from error
    chosen = [backup for backup in backups if only in {"", backup.id}]
    if only and not chosen:
        why, next_step = "there is no readable backup of that name", "see `namaskah-deploy backups`"
        raise Failure("refused", f"Backup {only[:40]!r} cannot be verified", str(root), why, next_step)
    if module.params["state"] == "verified":
        found = (
            wrong + manifest.broken_links(backups) + [word for backup in chosen for word in manifest.damages(backup)]
        )
        if found:
            next_step = "do not restore these; make a new backup and find out what changed them"
            raise Failure(
                "failed", "Backups are damaged", f"{root} on {contract.host}", "; ".join(found[:12]), next_step
            )
    return {"backups": [{**summary(backup, []), **backup.content["live"]} for backup in chosen], "wrong": wrong}


if __name__ == "__main__":
    serve(
        act,
        {
            "root": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["listed", "verified"], "default": "listed"},
            "id": {"type": "str", "default": ""},
        },
    )

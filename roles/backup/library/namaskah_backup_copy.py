#!/usr/bin/python
"""Copy a backup to other places, and read it back there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import copies, targets
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_backup_copy
short_description: Copy a backup to other places, and read it back there
description:
  - By rsync over ssh to another host whose key is known, or by rclone to a store that speaks S3.
  - Encrypted by age or gpg to a public key where the target says so. Every object is read back and compared by its
    checksum; the manifest is sent last, so a copy that was cut off is none.
  - Credentials are files of the connecting user (0600), never arguments.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that copies., type: dict, default: {}}
  root: {description: Folder of backups., type: path, required: true}
  state: {description: C(checked) only asks the targets., type: str, choices: [checked, copied], default: copied}
  id: {description: With C(copied) - which backup., type: str, default: ""}
  targets: {description: Where to; the role's defaults explain each word., type: list, elements: dict,
            required: true}
  required: {description: Whether a copy that fails fails the task., type: bool, default: true}
  timeout: {description: Seconds for all copies together., type: int, default: 3600}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Copy the backup to a second host
  namaskah_backup_copy:
    contract: "{{ namaskah_contract }}"
    root: /var/backups/dashboard
    id: 20260131T235959Z-4f2a
    targets:
      - {name: vault, kind: rsync, to: "copies@vault.example:/srv/copies/dashboard", key: ~/.ssh/copies}
"""

RETURN = r"""
result:
  description:
    - C(copied_to), the targets that have it, C(copies), what came of each by its name, C(copy_warnings) in words.
  returned: success
  type: dict
"""


def act(contract: Contract, _run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Check or copy; a failure is the task's, or a warning."""
    os.umask(0o077)
    asked = module.params
    chosen, timer = targets.read(asked["targets"]), copies.clock(asked["timeout"])
    if asked["state"] == "checked":
        done, wrong = {}, copies.check(chosen, timer)
    else:
        done = copies.copy(Path(asked["root"]), asked["id"], chosen, timer)
        wrong = [f"{name}: {entry['why']}" for name, entry in done.items() if entry["state"] != "copied"]
    if wrong and asked["required"]:
        what = "A copy of the backup cannot be made" if asked["state"] == "checked" else "A copy of the backup failed"
        next_step = "mend the cause; or let the release go on without it (backup_copy_required: false)"
        raise Failure("failed", what, contract.host, "; ".join(wrong), next_step)
    copied = [name for name, entry in done.items() if entry["state"] == "copied"]
    return {
        "changed": bool(done),
        "copied_to": copied,
        "copies": done,
        "copy_warnings": [f"copy to {word}" for word in wrong],
    }


if __name__ == "__main__":
    serve(
        act,
        {
            "root": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["checked", "copied"], "default": "copied"},
            "id": {"type": "str", "default": ""},
            "targets": {"type": "list", "elements": "dict", "required": True},
            "required": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 3600},
        },
    )

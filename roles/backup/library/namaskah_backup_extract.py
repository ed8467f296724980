#!/usr/bin/python
"""Unpack the files of a backup into a new folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import extract, manifest, room
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_backup_extract
short_description: Unpack the files of a backup into a new folder
description:
  - The backup is compared with its manifest, then the archive is read to its end before anything is written.
  - Links, devices, absolute paths, C(..), set-user bits, entries that come twice and anything beyond what the manifest
    counted are refused, and nothing is unpacked then.
  - Files are never written over others; the folder is new, and belongs to the connecting user.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that asks., type: dict, default: {}}
  root: {description: Folder of backups., type: path, required: true}
  id: {description: Which backup., type: str, required: true}
  into: {description: The new folder; empty is C(extracted-ID) in the folder of backups., type: path, default: ""}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Unpack the files of a backup
  namaskah_backup_extract:
    contract: "{{ namaskah_contract }}"
    root: /var/backups/dashboard
    id: 20260131T235959Z-4f2a
"""

RETURN = r"""
result:
  description: C(folder), C(files), C(folders) and C(size) of what was unpacked.
  returned: success
  type: dict
"""


def act(contract: Contract, _run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Compare, check, unpack."""
    root, backup_id = Path(module.params["root"]), module.params["id"]
    backup = manifest.require(root, backup_id)
    kept = backup.content.get("archive")
    if kept is None:
        why, next_step = (
            "it holds no files: backup_paths was empty",
            "choose another one: `namaskah-deploy backups list`",
        )
        raise Failure("refused", f"Backup {backup_id} has nothing to unpack", contract.host, why, next_step)
    folder = Path(module.params["into"] or root / f"extracted-{backup_id}")
    try:
        with room.used(backup.folder):
            found = extract.extract(backup.folder / kept["file"], folder, kept)
    except OSError as error:
        next_step = "free space, or name a folder that the deploy user may write (backup_extract_into)"
        where, why = str(error.filename or folder), error.strerror or str(error)
        raise Failure("failed", "The files cannot be unpacked", where, why, next_step) from error
    return {"changed": True, "folder": str(folder), **found}


if __name__ == "__main__":
    serve(
        act,
        {
            "root": {"type": "path", "required": True},
            "id": {"type": "str", "required": True},
            "into": {"type": "path", "default": ""},
        },
    )

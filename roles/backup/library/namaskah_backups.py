#!/usr/bin/python
"""List the backups of a host, read every byte of them again, or pin one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import copies, manifest, pins, room
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_backups.story import summary
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve

DOCUMENTATION = r"""
module: namaskah_backups
short_description: List, show, verify or pin the backups of a host
description:
  - C(listed) reads the manifests, C(shown) says all of one backup. C(kept) pins one, so that no retention removes it,
    C(unkept) takes the pin off. C(verified) also checks the size and SHA-256 of every file, that no file is missing
    or too many, and that no manifest was changed since the next one was tied to it; damage fails the task.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "Who asks, and why: kept with a pin.", type: dict, default: {}}
  root: {description: Folder of backups., type: path, required: true}
  state: {description: What is done., type: str, choices: [listed, shown, verified, kept, unkept], default: listed}
  id: {description: Only this one; C(shown) and pins need it., type: str, default: ""}
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


_NEED_ONE = ("shown", "kept", "unkept")
_MOST_TABLES = 30


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says with all backups, or with the one that is named."""
    root, only, state = Path(module.params["root"]), module.params["id"], module.params["state"]
    try:
        backups, wrong = manifest.listed(root) if root.exists() else ([], [])
        chosen = _chosen(root, backups, only, state)
        if state == "verified":
            _verify(root, contract, chosen, wrong + manifest.broken_links(backups))
        changed = [_pin(backup, run, state) for backup in chosen] if state in {"kept", "unkept"} else []
    except OSError as error:
        next_step = "let the deploy user read it, or correct backup_root"
        raise Failure("failed", "Backups cannot be listed", str(root), str(error), next_step) from error
    details = _details if state == "shown" else _brief
    return {"changed": any(changed), "backups": [details(backup) for backup in chosen], "wrong": wrong}


def _chosen(root: Path, backups: list[Backup], only: str, state: str) -> list[Backup]:
    """The backups that are meant. Raises Failure when one was named that is not there, or none that has to be."""
    chosen = [backup for backup in backups if only in {"", backup.id}]
    if (only and not chosen) or (state in _NEED_ONE and not only):
        why, next_step = "there is no readable backup of that name", "see `namaskah-deploy backups list`"
        raise Failure("refused", f"Backup {only[:40]!r} cannot be {state}", str(root), why, next_step)
    return chosen


def _verify(root: Path, contract: Contract, chosen: list[Backup], wrong: list[str]) -> None:
    """Raise Failure when a byte of the chosen backups, or a link of the chain, is not as it was written."""
    found = list(wrong)
    for backup in chosen:
        with room.used(backup.folder):
            found += manifest.damages(backup) + manifest.beside_damages(backup)
    if found:
        next_step = "do not restore these; make a new backup and find out what changed them"
        raise Failure("failed", "Backups are damaged", f"{root} on {contract.host}", "; ".join(found[:12]), next_step)


def _pin(backup: Backup, run: dict[str, Any], state: str) -> bool:
    return pins.put(backup, run) if state == "kept" else pins.take(backup)


def _brief(backup: Backup) -> dict[str, Any]:
    """What a list says of a backup; `marks` are the reasons to look at it twice."""
    told = {**summary(backup, []), **backup.content["live"]}
    pinned = pins.of(backup)
    marks = [f"pinned by {pinned['by'] or 'somebody'}"] if pinned else []
    marks += ["warm"] if told["warm"] else []
    kept = copies.of(backup)
    marks += [f"{'copy at' if entry['state'] == 'copied' else 'COPY FAILED:'} {name}" for name, entry in kept.items()]
    return {**told, "pin": pinned, "copies": kept, "marks": marks}


def _details(backup: Backup) -> dict[str, Any]:
    """All that an operator asks about one backup: how it was made, of what moment, and what is in it."""
    content = backup.content
    database = content.get("database", {})
    tables = database.get("fingerprint", {}).get("tables", {})
    largest = sorted(tables, key=lambda name: (-tables[name][0], name))[:_MOST_TABLES]
    return {
        **_brief(backup),
        "run": content["run"],
        "finished": content["finished"],
        "number": content["number"],
        "previous": content["previous"],
        "tools": content["tools"],
        "moment": {name: database[name] for name in ("moment", "snapshot", "lsn") if name in database},
        "compression": database.get("compression", ""),
        "files": {name: f"{entry['size']} bytes, sha256 {entry['sha256']}" for name, entry in content["files"].items()},
        "extensions": database.get("fingerprint", {}).get("extensions", {}),
        "rows_of_tables": {name: tables[name][0] for name in largest},
    }


if __name__ == "__main__":
    serve(
        act,
        {
            "root": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["listed", "shown", "verified", "kept", "unkept"], "default": "listed"},
            "id": {"type": "str", "default": ""},
        },
    )

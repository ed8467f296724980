#!/usr/bin/python
"""Check, make or prove a backup on the host that holds backups."""

from __future__ import annotations

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_backups import settings, story
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working_if_held

DOCUMENTATION = r"""
module: namaskah_backup
short_description: Check, make or prove a backup of a PostgreSQL database and of files
description:
  - Dumps the database to a file in an exported snapshot, and counts and hashes every table in the same snapshot.
  - The backup is restored into a scratch database and compared, before it counts or later, by policy.
  - The manifest is written last; a backup that failed leaves nothing.
  - Credentials come from the service file and .pgpass of the connecting user, never from arguments.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: The run that the backup is for., type: dict, default: {}}
  state:
    description: C(checked) looks at all that would make it fail; C(made) makes it; C(proved) proves a pending one.
    type: str
    choices: [checked, made, proved]
    default: made
  id: {description: With C(proved) - which backup., type: str, default: ""}
  live: {description: What runs now - commit, tag and release., type: dict, default: {}}
  settings:
    description: What is backed up and how; the role's defaults explain each.
    type: dict
    required: true
    suboptions:
      root: {description: Folder of backups., type: path, required: true}
      service: {description: Entry of the PostgreSQL service file that reads the database., type: str, default: ""}
      proof_service: {description: Entry that makes scratch databases; empty is the same., type: str, default: ""}
      proof_template: {description: Template of scratch databases., type: str, default: template0}
      service_file: {description: Service file; empty is the user's own., type: path, default: ""}
      pass_file: {description: Password file; empty is the user's own., type: path, default: ""}
      client_path: {description: Folder of the client programs; empty finds them., type: path, default: ""}
      paths: {description: Folders of files to archive., type: list, elements: path, default: []}
      static: {description: Whether the live release's static files are archived., type: bool, default: false}
      proof: {description: When it is proved., type: str, choices: [before, after, below-size], default: below-size}
      proof_size: {description: Bytes up to which below-size proves before., type: int, default: 1073741824}
      parallel_size: {description: Bytes from which it is dumped in parallel., type: int, default: 1073741824}
      jobs: {description: Processes of a parallel dump or restore; 0 is one a processor., type: int, default: 0}
      space_margin: {description: Factor on the estimated room., type: float, default: 1.2}
      keep_proof: {description: Whether the proved copy stays as a database., type: bool, default: false}
      rollback_limit: {description: Seconds over which going back to it is warned of., type: int, default: 300}
      timeout: {description: Seconds for everything., type: int, default: 3600}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Make a proved backup
  namaskah_backup:
    contract: "{{ namaskah_contract }}"
    run: "{{ namaskah_run }}"
    settings:
      root: /var/backups/dashboard
      service: dashboard-backup
      proof_service: dashboard-proof
      paths: [/srv/dashboard/shared/media]
"""

RETURN = r"""
result:
  description: C(id), C(path), C(manifest_sha256), C(size), C(rows), C(proof), C(timings), C(notes) of the backup.
  returned: success
  type: dict
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do what `state` says; what is written is nobody else's to read."""
    os.umask(0o077)
    asked = settings.read(contract.raw, run, module.params["live"], module.params["settings"])
    try:
        if module.params["state"] == "checked":
            return story.check(asked)
        # A host that only backs up has no lease; one that also runs the application works under it.
        with working_if_held(contract, run, "backup"):
            if module.params["state"] == "proved":
                return story.prove(asked, module.params["id"])
            return story.make(asked)
    except OSError as error:
        where, why = str(error.filename or asked.root), error.strerror or str(error)
        next_step = "free space, mend the disk or give the deploy user its rights; then try again"
        raise Failure("failed", "The backup cannot be written or read", where, why, next_step) from error


if __name__ == "__main__":
    serve(
        act,
        {
            "settings": {"type": "dict", "required": True, "options": settings.ARGUMENTS},
            "live": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["checked", "made", "proved"], "default": "made"},
            "id": {"type": "str", "default": ""},
        },
    )

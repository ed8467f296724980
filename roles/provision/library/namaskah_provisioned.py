#!/usr/bin/python
"""Record what provisioning left on a host, so that a change by hand is seen."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import provisioned
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import read_json, write_json

DOCUMENTATION = r"""
module: namaskah_provisioned
short_description: Record what provisioning left on a host
description:
  - Writes hashes, sizes and times of files, and the drop-ins of units as they are now, for everybody to read.
options:
  path: {description: Where the record is written., type: path, required: true}
  files: {description: "Path of each file: the name by which a difference is told.", type: dict, required: true}
  units: {description: Units whose drop-ins are recorded., type: list, elements: str, default: []}
"""


def main() -> None:
    """Write the record where it differs from the last one."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True},
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    try:
        made = provisioned.made(module.params["files"], module.params["units"])
        changed = read_json(path) != made
    except Failure as failure:
        module.fail_json(msg=str(failure), failure=failure.as_dict())
    if changed and not module.check_mode:
        write_json(path, made)
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()

#!/usr/bin/python
"""Make a folder or a file for another user, where that user or a third one can write the folders above it."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_places import making
from ansible.module_utils.namaskah_places.walk import Rights

DOCUMENTATION = r"""
module: namaskah_place
short_description: Make a folder or a file for another user without being led elsewhere
description:
  - Each part of the path is opened in the one before it. A link is followed only in a folder that root alone can write.
options:
  path: {description: The folder or file., type: path, required: true}
  state: {description: What it is., type: str, choices: [directory, file], required: true}
  content: {description: What a file holds., type: str, default: ""}
  owner: {description: The user that it belongs to., type: str, required: true}
  group: {description: Its group., type: str, required: true}
  mode: {description: Its mode as octal digits., type: str, required: true}
"""


def rights(owner: str, group: str, mode: str) -> Rights:
    """Return them by numbers; raises LookupError where user or group is not there."""
    return Rights(pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid, int(mode, 8))


def main() -> None:
    """Make it, and say whether it differed."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["directory", "file"], "required": True},
            "content": {"type": "str", "default": "", "no_log": True},
            "owner": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
            "mode": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    asked, path = module.params, Path(module.params["path"])
    try:
        wanted = rights(asked["owner"], asked["group"], asked["mode"])
        if asked["state"] == "directory":
            changed = making.folder(path, wanted, dry=module.check_mode)
        else:
            changed = making.file(path, asked["content"].encode(), wanted, dry=module.check_mode)
    except LookupError as error:
        if module.check_mode:  # a dry run of a bare host: the user would be made first
            module.exit_json(changed=True)
        module.fail_json(msg=f"{path}: {error}; leave the part `users` in provision_parts, or make user and group")
    except Failure as failure:
        module.fail_json(msg=f"{failure}\nnext: {failure.next_step}", failure=failure.as_dict())
    except OSError as error:
        module.fail_json(msg=f"{path}: {error.strerror}; look at it on the host (ls -ld {path}), and provision again")
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()

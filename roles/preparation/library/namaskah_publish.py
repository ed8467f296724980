#!/usr/bin/python
"""Add the static files of a prepared release to those that a host serves for pages of other releases."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import assets
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.release import Release
from ansible.module_utils.namaskah_host.working import working

DOCUMENTATION = r"""
module: namaskah_publish
short_description: Add the static files of a prepared release to those that a host serves for other pages
description:
  - Once every host is prepared and the migrations are through, and before the first host switches, for pages of one
    host may ask another. Recovery and retention take them out again if the release does not stay.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, release, fence.", type: dict, required: true}
"""


def act(contract: Contract, run: dict[str, Any], _module: AnsibleModule) -> dict[str, Any]:
    """Publish under the lease."""
    with working(contract, run, "publish"):
        release = Release(contract, run["release"])
        if not release.complete:
            why = f"{release.id} is not prepared on this host"
            next_step = "release again: prepare runs on every host first"
            raise Failure("refused", "publish the static files", contract.host, why, next_step)
        return {"changed": True, "release": release.id, "unpooled": assets.publish(contract, release)}


if __name__ == "__main__":
    serve(act)

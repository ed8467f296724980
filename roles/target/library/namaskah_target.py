#!/usr/bin/python
"""Find the release that a rollback returns to on this host."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.release import Release, current, last_good_before, of_commit

DOCUMENTATION = r"""
module: namaskah_target
short_description: Find the release that a rollback returns to on this host
description:
  - With C(commit), the newest complete release of it, or none where it was pruned. Without, the good release that was
    live before the present one, by the records.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "With C(resume) its own lease says what it returned to before it died.", type: dict, default: {}}
  commit: {description: The commit to return to; empty for the last good one., type: str, default: ''}
"""


def describe(release: Release) -> dict[str, Any]:
    """Return what the operator sees of a target."""
    record = release.record
    return {"release": release.id, **{key: record.get(key) for key in ("commit", "tag", "by", "prepared", "state")}}


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Find the target; refuse a bad one unless it was allowed by name."""
    commit = module.params["commit"]
    live = current(contract)
    known = lease.recorded(contract) if run.get("resume") else None
    if known and known["run"] == run["id"] and known.get("release"):
        chosen = Release(contract, known["release"])
        return {"live": describe(live) if live else None, "target": describe(chosen) if chosen.complete else None}
    found = of_commit(contract, commit) if commit else last_good_before(contract)
    if found is None and not commit:
        raise Failure(
            "refused",
            "find a rollback target",
            contract.host,
            "no good release before the live one is kept",
            "name one: `namaskah-deploy rollback --tag TAG`",
        )
    if found and live and found.id == live.id:
        raise Failure(
            "refused",
            "find a rollback target",
            contract.host,
            f"{found.id} is live already",
            "see `namaskah-deploy releases` for others",
        )
    if found and found.record["state"] == "bad" and "bad-release" not in contract.allow:
        raise Failure(
            "refused",
            "find a rollback target",
            contract.host,
            f"{found.id} failed before: {found.record.get('why', '')}",
            "choose another, or force it with `--allow bad-release`",
        )
    return {"live": describe(live) if live else None, "target": describe(found) if found else None}


if __name__ == "__main__":
    serve(act, {"commit": {"type": "str", "default": ""}})

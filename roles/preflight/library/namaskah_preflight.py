#!/usr/bin/python
"""Find everything that would make a release fail on a host, before anything is changed."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import forecast, identity, lease, readiness
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.release import current
from ansible.module_utils.namaskah_schema import waits
from ansible.module_utils.namaskah_schema.history import History
from ansible.module_utils.namaskah_schema.session import opened

DOCUMENTATION = r"""
module: namaskah_preflight
short_description: Find everything that would make a release fail on a host
description:
  - Reads only. Reports every complaint at once, so that an operator mends them in one go.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, kind, commit.", type: dict, required: true}
  times:
    description: Bounds of the fleet - C(step_timeout), C(host_seconds) in seconds, C(hosts), how many they are.
    type: dict
    default: {}
  archived: {description: Folders of this host that backups hold., type: list, elements: str, default: []}
  controller_time: {description: Seconds since the epoch by the controller's clock., type: float, default: 0}
  shared_urls: {description: "URL prefix of what nginx serves of shared/: its folder.", type: dict, default: {}}
"""


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Examine the host; fail with all complaints."""
    asked = module.params
    complaints = readiness.examine(contract, run, asked["controller_time"], asked["shared_urls"], asked["times"])
    if complaints:
        first = complaints[0]
        why = "\n".join(f"- {complaint['why']} [{complaint['check']}]" for complaint in complaints)
        remedies = "\n".join(dict.fromkeys(f"- {complaint['next']}" for complaint in complaints))
        single = len(complaints) == 1
        raise Failure(
            "refused",
            "pass preflight",
            contract.host,
            first["why"] if single else f"\n{why}",
            first["next"] if single else f"\n{remedies}",
        )
    # In the middle of another run hosts may differ; who takes the lease next is told about that run.
    live = None if readiness.busy(contract, run["id"]) else current(contract)
    record = live.record if live else {}
    shown = {"release": record["id"], "commit": record["commit"], "tag": record["tag"]} if record else {}
    holder = lease.holder(contract)
    return {
        "complaints": [],
        "live": shown,
        "holder": holder,
        "place": identity.place_of(contract),
        "not_backed_up": forecast.unprotected(contract, module.params["archived"]),
        "idle": idle_sessions(contract) if run["kind"] in ("deploy", "plan") else [],
    }


def idle_sessions(contract: Contract) -> list[str]:
    """Return who is idle inside a transaction of the application's database; nobody where it cannot be asked.

    A migration would wait behind its locks. It is told and not refused, for it may be over by then.
    """
    live = current(contract)
    if live is None or not live.complete or not contract.migrate_command:
        return []
    try:
        history = History(contract, live)
        if not history.runs:
            return []
        variables, name = history.variables, contract.database_variable
        with opened(history.build.venv, variables, name, contract.host) as (session, _):
            return waits.idle(session) if session else []
    except (Failure, OSError, ValueError):
        return []


if __name__ == "__main__":
    serve(
        act,
        {
            "controller_time": {"type": "float", "default": 0},
            "shared_urls": {"type": "dict", "default": {}},
            "times": {"type": "dict", "default": {}},
            "archived": {"type": "list", "elements": "str", "default": []},
        },
    )

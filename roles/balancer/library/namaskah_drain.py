#!/usr/bin/python
"""Keep a host's own record of its absence from the balancers, and judge what these answered."""

from __future__ import annotations

import contextlib
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import drain, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working_if_held

DOCUMENTATION = r"""
module: namaskah_drain
short_description: Keep a host's own record of its absence from the balancers
description:
  - The record is written before the host leaves and removed when every balancer shows it healthy again, so a killed
    run leaves a host that says whose it is, and C(recover.yml) brings it back.
options:
  contract: {description: The contract of the application., type: dict, required: true}
  run: {description: "The run: id, by, fence.", type: dict, required: true}
  state: {description: The step., type: str, choices: [judged, leaving, left, owed, back], required: true}
  answers: {description: "Results of M(namaskah_balancer), one for each balancer.", type: list, elements: dict}
  balancers: {description: Names of all balancers., type: list, elements: str}
  proved: {description: "Run and fence of a holder whose controller is known to be dead.", type: dict, default: {}}
"""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["judged", "leaving", "left", "owed", "back"], "required": True},
    "answers": {"type": "list", "elements": "dict", "default": []},
    "balancers": {"type": "list", "elements": "str", "default": []},
    "proved": {"type": "dict", "default": {}},
}


def act(contract: Contract, run: dict[str, Any], module: AnsibleModule) -> dict[str, Any]:
    """Do the step; a failure of it says whether the host is out."""
    answers = {answer["balancer_host"]: answer for answer in module.params["answers"] if not answer.get("skipped")}
    state = module.params["state"]
    try:
        if state == "judged":
            drain.judge(answers, "ask the balancer")
            return {"shown": {name: answer["result"]["shown"] for name, answer in answers.items()}}
        if state in ("owed", "back"):
            with _returning(contract, run):
                told = module.params["balancers"]
                done = drain.owed(contract, run, told) if state == "owed" else drain.end(contract, run, answers)
                return {**done, "until": _until(contract, run)}
        if not run["fence"]:  # recovery has no lease of its own
            lease.refuse_living(contract, run, module.params["proved"])
        with working_if_held(contract, run, "leave"):
            done = (drain.begin if state == "leaving" else drain.left)(contract, run, answers)
            return {**done, "until": _until(contract, run)}
    except Failure as failure:
        failure.result = {"drained": drain.read(contract) is not None}
        raise


def _returning(contract: Contract, run: dict[str, Any]) -> contextlib.AbstractContextManager[int | None]:
    """A run comes back under its lease; what recovery brought to a final state has none any more."""
    return working_if_held(contract, run, "return") if lease.recorded(contract) else contextlib.nullcontext()


def _until(contract: Contract, run: dict[str, Any]) -> float:
    """The moment until which the balancers may be told by this word; 0 where the run has no lease."""
    known = lease.holder(contract)
    return float(known["expires"]) if known and known["run"] == run["id"] else 0.0


if __name__ == "__main__":
    serve(act, ARGUMENTS)

#!/usr/bin/python
"""Keep a host's own record of its absence from the balancers, and judge what these answered."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host import drain, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.module import serve
from ansible.module_utils.namaskah_host.working import working

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
        if state == "owed":
            return drain.owed(contract, run, module.params["balancers"])
        if state == "back":
            return drain.end(contract, run, answers)
        step = drain.begin if state == "leaving" else drain.left
        if not run["fence"]:  # recovery has no lease of its own
            lease.refuse_living(contract, run, module.params["proved"])
            return step(contract, run, answers)
        with working(contract, run, "leave"):
            return step(contract, run, answers)
    except Failure as failure:
        failure.result = {"drained": drain.read(contract) is not None}
        raise


if __name__ == "__main__":
    serve(act, ARGUMENTS)

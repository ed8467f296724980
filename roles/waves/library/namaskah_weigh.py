#!/usr/bin/python
"""Weigh how the hosts of the waves so far ended, or say at the end whom the release was made final without."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_waves.verdict import CLASSES, POLICIES, Verdict, read, weigh

DOCUMENTATION = r"""
module: namaskah_weigh
short_description: Decide whether the waves go on after hosts ended badly
description:
  - Runs on the controller and touches no host. The policy of each class of failure decides - all return, the quorum
    goes on without the host, or the operator is asked.
options:
  hosts: {description: Every host of the release., type: list, elements: str, required: true}
  noted: {description: "What was noted of hosts that ended badly, by name.", type: dict, default: {}}
  policies: {description: "Class of failure -> return, quorum or ask.", type: dict, required: true}
  quorum: {description: How many hosts have to stand; a number or a share., type: str, required: true}
  accepted: {description: Hosts that the operator goes on without., type: list, elements: str, default: []}
  refused: {description: Whether the operator was asked and wants all back., type: bool, default: false}
  conclude: {description: Fail and name the hosts that were left out., type: bool, default: false}
  mend: {description: The command that mends them., type: str, default: ""}
"""


def left_out(verdict: Verdict, mend: str) -> dict[str, Any]:
    """Return the failure that names a split for what it is, with the command that ends it."""
    standing, out = ", ".join(verdict.standing), ", ".join(verdict.left_out)
    return {
        "class": "failed",
        "what": f"the release stands on {standing} and was left out on {out}",
        "where": out,
        "why": f"{verdict.why}. What was left out serves the release of before beside the new one, at the latest when "
        "its time to be confirmed is over, until it is mended",
        "next": mend,
    }


def main() -> None:
    """Weigh and answer."""
    module = AnsibleModule(
        argument_spec={
            "hosts": {"type": "list", "elements": "str", "required": True},
            "noted": {"type": "dict", "default": {}},
            "policies": {"type": "dict", "required": True},
            "quorum": {"type": "str", "required": True},
            "accepted": {"type": "list", "elements": "str", "default": []},
            "refused": {"type": "bool", "default": False},
            "conclude": {"type": "bool", "default": False},
            "mend": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params
    wrong = [f"{name}: {chosen}" for name, chosen in given["policies"].items()
             if name not in CLASSES or chosen not in POLICIES]  # fmt: skip
    if wrong:
        known = f"{', '.join(CLASSES)}, each {' | '.join(POLICIES)}"
        module.fail_json(msg=f"namaskah_on_failure knows {known}; not {', '.join(wrong)}")
    troubles = [read(host, noted) for host, noted in given["noted"].items()]
    try:
        verdict = weigh(
            troubles,
            given["hosts"],
            given["policies"],
            given["quorum"],
            given["accepted"],
            refused=given["refused"],
        )
    except ValueError as error:
        module.fail_json(msg=str(error))
    result = {**verdict.as_dict(), "concluded": given["conclude"]}
    if given["conclude"] and verdict.left_out:
        failure = left_out(verdict, given["mend"])
        module.fail_json(msg=f"{failure['what']}: {failure['why']}", failure=failure, result=result)
    module.exit_json(changed=False, result=result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
"""Whether an independent observer finds every host as it should be: pytest-testinfra, run once on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_observer.child import Child
from ansible.module_utils.namaskah_observer.report import complaints, read, summarise

DOCUMENTATION = r"""
module: namaskah_validation
short_description: Check hosts with pytest-testinfra
description:
  - Writes the contracts and logins of the hosts into a folder of its own, runs pytest there and reads its report.
  - Fails when a check fails, when no check passed on some host, and when the checks do not end in time.
options:
  subjects:
    type: list
    elements: dict
    required: true
    description: The hosts, each with C(name), C(contract) and C(login), its connection variables.
  tests: {type: path, required: true, description: Folder of the checks.}
  timeout: {type: float, default: 120, description: Seconds for all checks.}
  python: {type: path, required: true, description: Interpreter that has pytest and pytest-testinfra.}
  pass_on: {type: list, elements: str, default: [], description: Names of our environment that the logins may need.}
  config: {type: path, default: "", description: Configuration file of Ansible, for the settings of its logins.}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Let the observer judge all hosts
  namaskah_validation:
    subjects: "{{ ansible_play_hosts | map('extract', hostvars, 'validation_subject') }}"
    tests: "{{ role_path }}/checks"
    python: "{{ ansible_playbook_python }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
result:
  description:
    - C(hosts) (each C(passed), C(failed), C(groups), C(seconds)), C(failures) (each C(host), C(check), C(reason)),
      C(passed), C(failed).
  returned: always
  type: dict
"""


def validate(parameters: dict[str, Any]) -> tuple[dict[str, Any], Failure | None]:
    """Return the result and, where something speaks against a host, the failure."""
    subjects = parameters["subjects"]
    tests = Path(parameters["tests"]).resolve()
    with Child(parameters["python"], parameters["config"], tests, parameters["pass_on"]) as child:
        ended = child.check(subjects, parameters["timeout"])
        result = summarise(read(ended.report), [subject["name"] for subject in subjects])
    against = list(complaints(result))
    if ended.trouble:
        kind = "timeout" if "did not end" in ended.trouble else "failed"
        why = "\n".join([ended.trouble, *(f"{host}: {reason}" for host, reason in against)])
        step = "mend what it names; hosts must be reachable by key without a question"
        return result, Failure(kind, "validate the hosts", str(tests), why, step)
    if not against:
        return result, None
    where = ", ".join(dict.fromkeys(host for host, _ in against))
    why = "\n".join(f"{host}: {reason}" for host, reason in against)
    return result, Failure("failed", "validate the hosts", where, why, "mend the host, or adapt the inventory to it")


def main() -> None:
    """Read the arguments, validate, answer."""
    module = AnsibleModule(
        argument_spec={
            "subjects": {"type": "list", "elements": "dict", "required": True},
            "tests": {"type": "path", "required": True},
            "timeout": {"type": "float", "default": 120},
            "python": {"type": "path", "required": True},
            "pass_on": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "config": {"type": "path", "default": ""},
        },
        supports_check_mode=True,
    )
    result, failure = validate(module.params)
    if failure:
        module.fail_json(msg=str(failure), failure=failure.as_dict(), result=result)
    module.exit_json(changed=False, result=result)


if __name__ == "__main__":
    main()

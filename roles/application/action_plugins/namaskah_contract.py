"""Check what the inventory says of every role, and render the contract, once a run and host.

Ansible checks a role's arguments when it comes to the role. For a release that is too late: a wrong word about the
validation of hosts would be found after the switch. So everything that is written in the inventory is compared here,
before anything else, with the specs of all roles (meta/argument_specs.yml). Variables of the role `application` are
compared whole, with their defaults; of the others what is written, for some get their values from the run itself.

What provisioning needs is left to it: a release must not ask for secrets that it has no use for. And what cannot be
rendered yet is left to the role that reads it: whoever asks for a status need not have every secret of a release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

ROLES = Path(__file__).resolve().parents[2]
OWN = Path(__file__).resolve().parents[1].name
APART = "provision"  # its playbook comes to it first, and Ansible checks it there
RAW, SETTLED = "application_contract", "namaskah_settled"


class ActionModule(ActionBase):
    """Refuses variables of a wrong kind, else returns the contract; later plays of a run get it as it was."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `contract`, or a failure that names everything that is wrong."""
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        if "contract" in variables.get(SETTLED, {}):
            return result | {"contract": variables[SETTLED]["contract"]}
        errors = [error for role in SPECS for error in self._wrong(role, variables)]
        if errors:
            why = "; ".join(errors)
            failure = {
                "class": "refused",
                "what": "read the inventory",
                "where": f"the variables of {variables['inventory_hostname']}",
                "why": why,
                "next": "correct them in group_vars or host_vars; docs/reference/variables.md says what is allowed",
            }
            return result | {"failed": True, "msg": f"the variables are not as the roles need them: {why}",
                             "failure": failure}  # fmt: skip
        return result | {"contract": self._templar.template(variables[RAW])}

    def _wrong(self, role: str, variables: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with a role's variables."""
        written = variables if role == OWN else variables["hostvars"][variables["inventory_hostname"]]
        given = {}
        for name in SPECS[role]:
            if name in written:
                try:
                    given[name] = self._templar.template(variables[name])
                except AnsibleError as error:
                    if role == OWN:
                        yield f"{name}: {error.message}"
        yield from ArgumentSpecValidator(SPECS[role]).validate(given, validate_role_argument_spec=True).error_messages


def specs() -> dict[str, dict[str, Any]]:
    """Return the options of each role, from all its entry points; what a run itself gives is required of nobody."""
    found = {}
    for file in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        role = file.parts[-3]
        if role == APART:
            continue
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"].values()
        options = {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
        dropped = () if role == OWN else ("required", "default")
        found[role] = {
            name: {key: value for key, value in option.items() if key not in dropped}
            for name, option in options.items()
        }
    return found


# Read once a run: Ansible loads this plugin before it forks a process for each host.
SPECS = specs()

"""Check what the inventory says of every role, and render the contract, once a run and host.

Ansible checks a role's arguments when it comes to the role. For a release that is too late: a wrong word about the
validation of hosts would be found after the switch. So everything that is written in the inventory is compared here,
before anything else, with the specs of all roles (meta/*_specs.yml). Variables of the role `application` are
compared whole, with their defaults; of the others what is written, for some get their values from the run itself.

What provisioning needs is left to it: a release must not ask for secrets that it has no use for. And what cannot be
rendered yet is left to the role that reads it: whoever asks for a status need not have every secret of a release.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible._internal._datatag._tags import Origin, VaultedValue
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

ROLES = Path(__file__).resolve().parents[2]
OWN = Path(__file__).resolve().parents[1].name
APART = "provision"  # its playbook comes to it first, and Ansible checks it there
ENVIRONMENTS = ("provision_environment", "provision_migrate_environment")
# Variables whose texts are none for everybody, although they may stand there.
OF_SECRETS = re.compile(
    rf"{'|'.join(ENVIRONMENTS)}|.*(?:pass|secret|token|key|credential|vault).*|(?:host)?vars", re.IGNORECASE
)
REFERENCE, REFERENCES = re.compile(r"\{\{\s*(\w+)\s*\}\}"), 10  # and how many one after the other
VAULT = b"$ANSIBLE_VAULT"
NAMES, ELSE, SETTLED = "application_contract_names", "application_contract_else", "namaskah_settled"


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
        named = {name: variables[f"namaskah_{name}"] for name in variables[NAMES].split()}
        contract = self._templar.template(named | variables[ELSE])
        contract["public_names"] = sorted({*contract["public_names"], *public(variables)})
        return result | {"contract": contract}

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


def public(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names in environment files whose values stand for everybody to read elsewhere in the inventory."""
    plain = {text for name, value in variables.items() if not OF_SECRETS.fullmatch(name) for text in texts(value)}
    for files in ENVIRONMENTS:
        written = variables.get(files)
        for name, value in written.items() if isinstance(written, Mapping) else ():
            if referred(value, variables) in plain:
                yield name


def referred(value: Any, variables: Mapping[str, Any]) -> str:
    """Return the text that a value is or, as `{{ name }}`, refers to; "" for all else.

    Nothing is evaluated: who asks for a status need not have every secret, nor wait for the service that keeps them.
    """
    for _ in range(REFERENCES):
        reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference is None:
            break
        value = variables.get(reference.group(1))
    return value if isinstance(value, str) else ""


def texts(value: Any) -> Iterator[str]:
    """Yield the texts in a variable that stand, as they are, in a file that is not encrypted."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str) and value and "{{" not in value and not VaultedValue.is_tagged_on(value):
        origin = Origin.get_tag(value)
        if origin and origin.path and not encrypted(origin.path):
            yield value


@functools.cache
def encrypted(path: str) -> bool:
    """Tell whether a file is one of ansible-vault, or cannot be read to say so."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(VAULT)) == VAULT
    except OSError:
        return True


def specs() -> dict[str, dict[str, Any]]:
    """Return the options of each role, from all its entry points; what a run itself gives is required of nobody."""
    found = {}
    for file in sorted(ROLES.glob("*/meta/*_specs.yml")):
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

#!/usr/bin/python
"""Refuse variables that look like ours and that nothing reads: a misspelt one would silently do nothing."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import yaml
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: namaskah_variables
short_description: Refuse variables that look like ours and that nothing reads
description:
  - Runs on the controller. Compares names with the contracts of all roles (meta/*_specs.yml) and names the
    nearest known one.
options:
  names: {description: Names of the variables of all hosts., type: list, elements: str, required: true}
  roles_folder: {description: The folder of the roles., type: path, required: true}
  known: {description: Further names that are meant., type: list, elements: str, default: []}
"""


def contracts(roles_folder: Path) -> tuple[set[str], set[str]]:
    """Return the variables of all roles, and the prefixes that belong to them."""
    known: set[str] = set()
    prefixes = {"namaskah"}
    for file in roles_folder.glob("*/meta/*_specs.yml"):
        for spec in yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"].values():
            known |= set(spec.get("options") or {})
    prefixes |= {name.partition("_")[0] for name in known}
    return known, prefixes


def unknown(names: list[str], known: set[str], prefixes: set[str]) -> list[str]:
    """Return a sentence for each name that has a prefix of ours and stands in no contract."""
    told = []
    for name in sorted(set(names) - known):
        if re.match(r"[a-z]+_", name) and name.partition("_")[0] in prefixes:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            told.append(f"{name}" + (f" (did you mean {near[0]}?)" if near else ""))
    return told


def main() -> None:
    """Compare and answer."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "roles_folder": {"type": "path", "required": True},
            "known": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    known, prefixes = contracts(Path(module.params["roles_folder"]))
    told = unknown(module.params["names"], known | set(module.params["known"]), prefixes)
    if told:
        why = "unknown variables: " + "; ".join(told)
        failure = {
            "class": "refused",
            "what": "read the inventory",
            "where": "the environment's variables",
            "why": why,
            "next": "correct the name in the inventory, or list it in preflight_known_variables",
        }
        module.fail_json(msg=why, failure=failure)
    module.exit_json(changed=False, result={"known": len(known)})


if __name__ == "__main__":
    main()

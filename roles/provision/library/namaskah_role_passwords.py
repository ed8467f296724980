#!/usr/bin/python3
"""Do the database's roles have the passwords that the inventory's vault names? Sets those that differ."""

from __future__ import annotations

import json
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_database.scram import matches, new_verifier

DOCUMENTATION = r"""
---
module: namaskah_role_passwords
short_description: Sets passwords of PostgreSQL roles without naming them
description:
  - Compares each role's stored SCRAM verifier with the password and writes a new verifier where they differ.
  - No password appears in an argument list, in a log of PostgreSQL, or in the result.
author: namaskah-deploy
options:
  psql:
    description: The words that start psql as a superuser of the cluster; statements go to its standard input.
    type: list
    elements: str
    required: true
  roles:
    description: The roles.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the role.
        type: str
        required: true
      password:
        description: Its password, printable ASCII.
        type: str
        required: true
"""
RETURN = r"""
roles:
  description: Names of the roles whose password was set.
  type: list
  returned: success
"""
TIMEOUT = 30  # seconds for one run of psql


def run_psql(psql: list[str], statements: str) -> str:
    """Return what the statements print; raises OSError with psql's own words when one fails.

    Terse, for an error must not quote the statement: Ansible prints a module's message in spite of no_log.
    """
    words = [*psql, "--set=VERBOSITY=terse", "--file=-"]
    try:
        done = subprocess.run(
            words, input=statements, capture_output=True, encoding="utf-8", errors="replace", timeout=TIMEOUT,
            check=False, cwd="/",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        # Not that error itself: it quotes the command line, and its cause what was said.
        raise OSError(f"psql gave no answer within {TIMEOUT} s") from None
    if done.returncode != 0:
        raise OSError(f"psql ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def stored_verifiers(psql: list[str]) -> dict[str, str]:
    """Return every role's stored verifier ("" for one without a password)."""
    # One JSON value, for the name of a role may hold every mark that could divide a list.
    query = "SELECT json_object_agg(rolname, coalesce(rolpassword, '')) FROM pg_authid;\n"
    output = run_psql(psql, query)
    try:
        found: dict[str, str] = json.loads(output)
    except ValueError:
        raise OSError("psql was to print the roles as JSON, and printed something else") from None
    return found


def quoted(name: str) -> str:
    """Return the name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def main() -> None:
    """Compare, set what differs, and name the roles that were changed."""
    module = AnsibleModule(
        argument_spec={
            "psql": {"type": "list", "elements": "str", "required": True},
            "roles": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                },
            },
        },
        supports_check_mode=True,
    )
    psql: list[str] = module.params["psql"]
    wanted: dict[str, str] = {role["name"]: role["password"] for role in module.params["roles"]}
    try:
        stored = stored_verifiers(psql)
        changed = sorted(role for role, password in wanted.items() if not matches(stored.get(role, ""), password))
        if changed and not module.check_mode:
            lines = [f"ALTER ROLE {quoted(role)} PASSWORD '{new_verifier(wanted[role])}';\n" for role in changed]
            run_psql(psql, "".join(lines))
    except (OSError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=f"set passwords of database roles: {error}; look at `pg_lsclusters` on this host")
    module.exit_json(changed=bool(changed), roles=changed)


if __name__ == "__main__":
    main()

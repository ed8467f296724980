#!/usr/bin/python
"""Whether a release works now: its processes run its code and stay, and its addresses answer as the inventory says."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_checks.host import (
    Wanted,
    address_checks,
    chosen_static,
    host_checks,
    read_wanted,
)
from ansible.module_utils.namaskah_checks.outcome import CheckFailed, Outcome, Patience, run_checks, summarise
from ansible.module_utils.namaskah_checks.static import StaticFiles
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import current

DOCUMENTATION = r"""
module: namaskah_verify
short_description: Verify a release on its host, or at the public address
description:
  - With C(where=host), on an application host as the deploy user, compares C(current), the process manager and /proc,
    asks each instance on its own socket, watches it for C(settle) seconds, and asks the host's front.
  - With C(where=public), on the controller, asks the public address only.
  - Changes nothing. No check at all is a failure.
options:
  contract: {type: dict, required: true, description: The shared variables of the application on this host.}
  where: {type: str, choices: [host, public], default: host, description: What is verified.}
  url: {type: str, default: "", description: Scheme, host and port that are asked; empty asks none.}
  name: {type: str, default: "", description: Host header and name in the certificate; empty is the domain.}
  ca_file: {type: str, default: "", description: PEM file of the authority of the certificate; empty is the system's.}
  words:
    type: str
    required: true
    description:
      - C(http) and C(websockets), lists of checks, as JSON.
      - One text, so that it can be kept out of every log as a whole.
  release: {type: str, default: "", description: Release that must be live; empty is the one that C(current) names.}
  static_files: {type: int, default: 200, description: So many static files are compared; beyond, a choice of them.}
  static_names: {type: list, elements: str, default: [], description: Static files that are always compared.}
  static_sample: {type: dict, default: {}, description: With C(where=public), what the host's verification returned.}
  timeout: {type: float, default: 5, description: Seconds for one try of one question.}
  patience: {type: float, default: 20, description: Seconds in which failing checks are tried again, all together.}
  settle: {type: float, default: 6, description: Seconds that the youngest process must have lived.}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Verify the release on this host
  namaskah_verify:
    contract: "{{ namaskah_contract }}"
    url: http://127.0.0.1:80
    words: "{{ {'http': verification_http, 'websockets': verification_websockets} | to_json }}"
"""

RETURN = r"""
result:
  description:
    - C(checks) (each C(name), C(ok), C(detail), C(milliseconds)), C(passed), C(failed), C(release), C(static_sample).
  returned: always, except where the words cannot be understood
  type: dict
"""

SHOWN = 5


def verify_host(wanted: Wanted, parameters: dict[str, Any]) -> dict[str, Any]:
    """Verify processes first, for the front cannot be right where they are wrong, then the front."""
    live = current(wanted.contract)
    release = live.id if live else ""
    patience = Patience(wanted.patience)
    outcomes = run_checks(host_checks(wanted, parameters["release"], parameters["settle"]), patience)
    static: StaticFiles | None = None
    try:
        static = chosen_static(wanted.contract, parameters["static_files"], parameters["static_names"])
    except CheckFailed as failure:
        outcomes.append(Outcome("list of static files", ok=False, detail=str(failure), milliseconds=0))
    outcomes += run_checks(address_checks(wanted, static, release), patience)
    sample = {"url": static.url, "files": dict(static.files), "total": static.total} if static else {}
    return {**summarise(outcomes), "release": release, "static_sample": sample}


def verify_public(wanted: Wanted, parameters: dict[str, Any]) -> dict[str, Any]:
    """Ask the public address."""
    sample = parameters["static_sample"]
    outcomes = run_checks(
        address_checks(wanted, StaticFiles(**sample) if sample else None, parameters["release"]),
        Patience(wanted.patience),
    )
    return {**summarise(outcomes), "release": parameters["release"]}


def failure_of(result: dict[str, Any], host: str) -> dict[str, Any] | None:
    """Return what an operator is told of a bad result, None for a good one."""
    bad = [check for check in result["checks"] if not check["ok"]]
    if not result["checks"]:
        why = "no check was made, and no check proves nothing"
        failure = Failure("refused", "verify", host, why, "set verification_front_url or verification_public_url")
        return failure.as_dict()
    if not bad:
        return None
    failure = Failure(
        "unhealthy",
        f"verify: {bad[0]['name']}",
        host,
        bad[0]["detail"],
        f"mend what the check names, then `ansible-playbook playbooks/verify.yml --limit {host}`",
    )
    return {**failure.as_dict(), "others": [f"{check['name']}: {check['detail']}" for check in bad[1:]]}


def run(parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the result and, where it is bad, the failure. Raises Failure for words that cannot be understood."""
    host = parameters["contract"].get("host", "") if parameters["where"] == "host" else parameters["url"]
    try:
        wanted = read_wanted(parameters)
    except CheckFailed as error:
        raise Failure(
            "refused", "read the checks of this environment", host, str(error), "mend the inventory"
        ) from None
    verify = verify_host if parameters["where"] == "host" else verify_public
    result = verify(wanted, parameters)
    return result, failure_of(result, host)


def message(failure: dict[str, Any]) -> str:
    """Return the failure as one text for people who see nothing else."""
    others = failure.get("others", [])
    more = [f"also: {text}" for text in others[:SHOWN]]
    left = [f"and {len(others) - SHOWN} more"] if len(others) > SHOWN else []
    return "\n".join([f"{failure['what']} ({failure['where']}): {failure['why']}", *more, *left])


def main() -> None:
    """Read the arguments, verify, answer."""
    module = AnsibleModule(
        argument_spec={
            "contract": {"type": "dict", "required": True},
            "where": {"type": "str", "choices": ["host", "public"], "default": "host"},
            "url": {"type": "str", "default": ""},
            "name": {"type": "str", "default": ""},
            "ca_file": {"type": "str", "default": ""},
            "words": {"type": "str", "required": True, "no_log": True},
            "release": {"type": "str", "default": ""},
            "static_files": {"type": "int", "default": 200},
            "static_names": {"type": "list", "elements": "str", "default": []},
            "static_sample": {"type": "dict", "default": {}},
            "timeout": {"type": "float", "default": 5},
            "patience": {"type": "float", "default": 20},
            "settle": {"type": "float", "default": 6},
        },
        supports_check_mode=True,
    )
    try:
        result, failure = run(module.params)
    except Failure as error:
        module.fail_json(msg=str(error), failure=error.as_dict())
    if failure:
        module.fail_json(msg=message(failure), failure=failure, result=result)
    module.exit_json(changed=False, result=result)


if __name__ == "__main__":
    main()

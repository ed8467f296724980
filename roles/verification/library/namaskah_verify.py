#!/usr/bin/python
"""Whether a release works now: its processes run its code and stay, and its addresses answer as the inventory says."""

from __future__ import annotations

import contextlib

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_checks.verification import verify
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import inert
from ansible.module_utils.namaskah_host.working import working_if_held

DOCUMENTATION = r"""
module: namaskah_verify
short_description: Verify a release on its host, or at the public address
description:
  - With C(where=host), on an application host as the deploy user, compares C(current), the process manager and /proc,
    asks each instance on its own socket, watches it for C(settle) seconds, and asks the host's front.
  - With C(where=public), on the controller, asks the public address only.
  - With C(where=words), asks nothing and only reads the questions, for a preflight.
  - Changes nothing of the application. In a run it works under the lease, and renews it.
  - No check at all is a failure.
options:
  contract: {type: dict, required: true, description: The shared variables of the application on this host.}
  run: {type: dict, default: {}, description: "The run that verifies: id, by, fence."}
  where: {type: str, choices: [host, public, words], default: host, description: What is verified.}
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
  patience: {type: float, default: 10, description: Seconds in which failing checks are tried again, all together.}
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


def main() -> None:
    """Read the arguments, verify, answer."""
    module = AnsibleModule(
        argument_spec={
            "contract": {"type": "dict", "required": True},
            "run": {"type": "dict", "default": {}},
            "where": {"type": "str", "choices": ["host", "public", "words"], "default": "host"},
            "url": {"type": "str", "default": ""},
            "name": {"type": "str", "default": ""},
            "ca_file": {"type": "str", "default": ""},
            "words": {"type": "str", "required": True, "no_log": True},
            "release": {"type": "str", "default": ""},
            "static_files": {"type": "int", "default": 200},
            "static_names": {"type": "list", "elements": "str", "default": []},
            "static_sample": {"type": "dict", "default": {}},
            "timeout": {"type": "float", "default": 5},
            "patience": {"type": "float", "default": 10},
            "settle": {"type": "float", "default": 6},
        },
        supports_check_mode=True,
    )
    try:
        contract, run = Contract(module.params["contract"]), module.params["run"]
        on_host = module.params["where"] == "host"
        with working_if_held(contract, run, "verify") if on_host else contextlib.nullcontext():
            result, failure = verify(module.params)
    except Failure as error:
        module.fail_json(msg=str(error), failure=error.as_dict())
    if failure:
        module.fail_json(msg=str(failure), failure=failure.as_dict(), result=inert(result))
    module.exit_json(changed=False, result=inert(result))


if __name__ == "__main__":
    main()

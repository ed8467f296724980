"""How does a module of ours speak with Ansible? One shape of arguments, of results and of failures."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .contract import Contract
from .failure import Failure
from .foreign import inert

Act = Callable[[Contract, dict[str, Any], AnsibleModule], dict[str, Any]]


def serve(act: Act, further: dict[str, Any] | None = None) -> None:
    """Run `act(contract, run, module)`; its result carries `changed` and becomes `result` of the task."""
    module = AnsibleModule(
        argument_spec={
            "contract": {"type": "dict", "required": True},
            "run": {"type": "dict", "default": {}},
            **(further or {}),
        },
        supports_check_mode=False,
    )
    os.umask(0o022)
    try:
        result = act(Contract(module.params["contract"]), module.params["run"], module)
    except Failure as failure:
        module.fail_json(msg=str(failure), failure=failure.as_dict(), result=inert(failure.result))
    changed = bool(result.pop("changed", False))
    module.exit_json(changed=changed, result=inert(result))

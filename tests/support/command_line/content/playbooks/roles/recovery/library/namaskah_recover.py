"""Bring a folder to a final state."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Go back to the old release where there is one, unless the folder is to be stuck."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "host": {"type": "str", "required": True},
            "why": {"type": "str", "default": "a later step failed"},
            "stuck": {"type": "bool", "default": False},
        }
    )
    file = Path(module.params["folder"]) / "state.json"
    state = json.loads(file.read_text(encoding="utf-8"))
    told = {"host": module.params["host"], "state": "nothing", "from": None, "to": None, "why": ""}
    if module.params["stuck"]:
        told = {"host": module.params["host"], "state": "failed", "why": "the old instance does not start"}
        module.fail_json(
            msg="stuck",
            result=told,
            failure={
                "class": "failed",
                "what": "the return failed",
                "where": module.params["host"],
                "why": told["why"],
                "next": "read the log of the old instance",
            },
        )
    if state["old"]:
        told.update(state="returned", why=module.params["why"], **{"from": state["serving"], "to": state["old"]})
        state.update(serving=state["old"], old=None)
        file.write_text(json.dumps(state), encoding="utf-8")
    module.exit_json(changed=told["state"] != "nothing", result={**told, "serving": state["serving"], "notes": []})


if __name__ == "__main__":
    main()

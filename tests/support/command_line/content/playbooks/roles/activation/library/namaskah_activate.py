"""Switch a folder to another release, provisionally."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Write the new release beside the old one, unless it is to be unhealthy."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "release": {"type": "str", "required": True},
            "unhealthy": {"type": "bool", "default": False},
        }
    )
    file = Path(module.params["folder"]) / "state.json"
    state = json.loads(file.read_text(encoding="utf-8"))
    if module.params["unhealthy"]:
        module.fail_json(
            msg="the gate failed",
            result={},
            failure={
                "class": "unhealthy",
                "what": "the new instance is not healthy",
                "where": "GET /healthz",
                "why": "it answered 500",
                "next": "read the log of the new instance",
            },
        )
    old, state["old"], state["serving"] = state["serving"], state["serving"], module.params["release"]
    file.write_text(json.dumps(state), encoding="utf-8")
    module.exit_json(changed=True, result={"release": state["serving"], "from": old})


if __name__ == "__main__":
    main()

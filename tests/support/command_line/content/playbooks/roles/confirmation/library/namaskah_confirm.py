"""Make the switch of a folder final."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Forget the old release."""
    module = AnsibleModule(argument_spec={"folder": {"type": "path", "required": True}})
    file = Path(module.params["folder"]) / "state.json"
    state = json.loads(file.read_text(encoding="utf-8"))
    old, state["old"] = state["old"], None
    file.write_text(json.dumps(state), encoding="utf-8")
    module.exit_json(changed=True, result={"release": state["serving"], "instead_of": old})


if __name__ == "__main__":
    main()

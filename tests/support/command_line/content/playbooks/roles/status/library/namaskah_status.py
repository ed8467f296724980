"""Tell how a folder stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Report the release that the folder serves."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "releases": {"type": "bool", "default": False},
            "remote": {"type": "bool", "default": False},
        }
    )
    state = json.loads((Path(module.params["folder"]) / "state.json").read_text(encoding="utf-8"))
    live = {
        "id": state["serving"],
        "commit": "c" * 40,
        "tag": "v1",
        "state": "live",
        "by": "ada",
        "prepared": "2026-01-31T23:59:00Z",
        "confirmed": "2026-01-31T23:59:59Z",
    }
    told: dict[str, Any] = {
        "live": live,
        "instance": "blue",
        "switch": None,
        "drain": None,
        "lease": None,
        "unfinished": None,
        "free_bytes": 2**30,
        "drift": [],
        "journal_break": None,
    }
    if module.params["releases"]:
        told["releases"] = [{**live, "live": True}]
    module.exit_json(changed=False, result=told)


if __name__ == "__main__":
    main()

"""How does a test have Ansible do what the restore role does?"""

from __future__ import annotations

import os
from typing import Any

from tests.support.playing import Played, play
from tests.support.restores.restores import Restores


def role(part: str, name: str = "restore", **variables: Any) -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": name, "tasks_from": part}, "vars": variables}


def played(restores: Restores, *tasks: dict[str, Any]) -> Played:
    words = restores.words()
    variables = {
        "namaskah_app": "shop",
        "namaskah_environment": "test",
        "namaskah_repository": "/nowhere",
        "namaskah_services": {"web": {"command": ["true"]}},
        "namaskah_run_id": "20260102T030405Z-beef",
        "backup_root": words["root"],
        "backup_service_file": words["service_file"],
        "backup_pass_file": words["pass_file"],
    }
    folder, groups = restores.folder / "play", ["database"]
    return play(tasks, folder, variables=variables, groups=groups, host="db1", env=dict(os.environ))

"""Does a run that goes on keep the backup that it had made, or is still making, before its controller died?"""

from __future__ import annotations

from typing import Any

from tests.support.backups.backups import TASK, Backups
from tests.support.backups.cluster import Cluster


def again(backups: Backups, run: str, **changed: Any) -> dict[str, Any]:
    """Make a backup for a run that goes on."""
    arguments = backups.arguments(**changed)
    arguments["run"] = {**arguments["run"], "id": run, "resume": True}
    return backups.tasks({"name": TASK, "namaskah_backup": arguments}).result(TASK)


def test_a_proved_backup_of_the_same_run_is_not_made_again(filled: Cluster, backups: Backups) -> None:
    first = backups.make()
    kept = again(backups, "20260102T030405Z-beef")
    assert (kept["id"], kept["manifest_sha256"], kept["proof"]) == (first["id"], first["manifest_sha256"], "proved")
    other = again(backups, "20260102T030405Z-cafe")
    assert other["id"] != first["id"], "a backup of another run is none of this one"
    assert filled.databases() == backups.left()[1]

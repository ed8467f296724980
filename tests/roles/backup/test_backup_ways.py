"""Does each module answer the same by Ansible as in the direct calls by which the other tests here reach it?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.backups.backups import CONTRACT, TASK, Backups
from tests.support.backups.cluster import Cluster

RUN = {"id": "20260102T030405Z-beef", "by": "asha", "reason": "", "kind": "backup"}
COPIED = [{"name": "aside", "kind": "rsync", "to": "nobody@127.0.0.1:/nowhere"}]
# What differs from call to call: names, times and sizes of what is made now.
OF_THE_MOMENT = ("id", "free", "needed", "path", "timings", "manifest_sha256", "size", "bytes", "at", "made", "expires")


def asked(backups: Backups, module: str, there: str) -> list[dict[str, Any]]:
    """Return what a module is asked: about a backup that is there, and about one that is not."""
    place = {"contract": CONTRACT, "run": RUN, "root": str(backups.root)}
    missing = "20200101T000000Z-0000"
    settings = backups.arguments()["settings"]
    return {
        "namaskah_backup": [backups.arguments(state="checked"), backups.arguments(state="proved", backup_id=missing)],
        "namaskah_backups": [{**place, "state": "verified", "id": one} for one in (there, missing)],
        "namaskah_backup_prune": [
            {"contract": CONTRACT, "run": RUN, "settings": settings, "count": 1, "days": 0, "state": state}
            for state in ("preview", "pruned")
        ],
        "namaskah_backup_copy": [{**place, "id": one, "targets": COPIED} for one in (there, missing)],
        "namaskah_backup_extract": [{**place, "id": one} for one in (there, missing)],
    }[module]


def steady(value: Any) -> Any:
    """Return an answer without what belongs to the moment."""
    if isinstance(value, dict):
        return {name: "..." if name in OF_THE_MOMENT else steady(inner) for name, inner in value.items()}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "module",
    ["namaskah_backup", "namaskah_backups", "namaskah_backup_prune", "namaskah_backup_copy", "namaskah_backup_extract"],
)
def test_both_ways_give_one_answer(filled: Cluster, backups: Backups, module: str) -> None:
    """Results and failures alike."""
    del filled
    for arguments in asked(backups, module, backups.make()["id"]):
        task = {"name": TASK, module: arguments}
        direct, played = backups.tasks(task), backups.played(task)
        ((_, said),), ((_, told),) = direct.answers, played.answers
        assert direct.status == played.status, direct.output + played.output
        assert said.keys() & {"result", "failure"}, said
        for part in ("result", "failure"):
            assert steady(said.get(part)) == steady(told.get(part)), (arguments, part)
        assert bool(said.get("changed")) == told["changed"]  # Ansible completes what a failed module leaves out

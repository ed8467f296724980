"""When do static files become public? After all that may refuse a release, and before the first host switches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.project import ROOT

PUBLISH, SWITCH = "preparation:publish", "activation:main"
BEFORE = {
    "deploy": ["preparation:main", "migration:main"],
    "rollback": ["preparation:main", "migration:settle"],
    "rollback_database": ["preparation:main", "restore:prepare"],
}


def roles(tasks: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield role and part of each task in their order, with the way back of the block that it stands in."""
    for task in tasks:
        words = {name.rpartition(".")[2]: value for name, value in task.items()}
        if "block" in words:
            back = " ".join(str(one.get("ansible.builtin.import_tasks", "")) for one in task.get("rescue", ()))
            yield from ((name, back or inner) for name, inner in roles(task["block"]))
        elif "import_tasks" in words:
            yield from roles(yaml.safe_load((ROOT / "playbooks" / "tasks" / _plain(words["import_tasks"])).read_text()))
        for kind in {"import_role", "include_role"} & words.keys():
            yield f"{words[kind]['name']}:{words[kind].get('tasks_from', 'main')}", ""


def _plain(name: str) -> str:
    return name.removeprefix("tasks/")


@pytest.mark.parametrize("playbook", BEFORE)
def test_files_are_published_between_the_last_check_and_the_first_switch(playbook: str) -> None:
    plays = yaml.safe_load((ROOT / "playbooks" / f"{playbook}.yml").read_text())
    found = [(name, back, bool(play.get("serial"))) for play in plays for name, back in roles(play["tasks"])]
    names = [name for name, _, _ in found]
    assert names.count(PUBLISH) == 1
    at = names.index(PUBLISH)
    assert [name for name in BEFORE[playbook] if name not in names[:at]] == []
    assert SWITCH in names[at:]
    assert SWITCH not in names[:at]
    assert not found[at][2], "of all hosts, not of one wave after the other"
    assert "give_back" in found[at][1], "what fails afterwards takes them out again"


def test_a_host_that_is_left_out_keeps_what_the_others_may_serve() -> None:
    (block,) = [task for task in yaml.safe_load((ROOT / "roles/waves/tasks/note.yml").read_text()) if "block" in task]
    assert block["block"][0]["vars"]["recovery_withdraw"] is False

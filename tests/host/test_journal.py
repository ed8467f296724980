"""Is every change of a journal noticed, and does a torn line cost nothing but itself?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for number in range(5):
        journal.append(tmp_path / "journal", {"act": f"act {number}"})
    return tmp_path / "journal"


def test_records_follow_each_other(path: Path) -> None:
    assert [entry["seq"] for entry in journal.read(path)] == [1, 2, 3, 4, 5]
    assert journal.first_break(path) is None


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("edit", marks=pytest.mark.fault("journal edited", ends="found")),
        pytest.param("delete", marks=pytest.mark.fault("journal: record deleted", ends="found")),
        pytest.param("swap", marks=pytest.mark.fault("journal: records exchanged", ends="found")),
        pytest.param("insert", marks=pytest.mark.fault("journal: record forged", ends="found")),
    ],
)
def test_damage_is_found_where_it_is(path: Path, damage: str) -> None:
    lines = path.read_text().splitlines()
    if damage == "edit":
        lines[1] = lines[1].replace("act 1", "act X")
    elif damage == "delete":
        del lines[2]
    elif damage == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines.insert(2, json.dumps({"seq": 3, "previous": "0" * 64, "act": "forged"}))
    path.write_text("\n".join(lines) + "\n")
    assert journal.first_break(path) == 3


@pytest.mark.fault("journal: torn line", ends="cleaned up")
def test_a_torn_line_is_forgotten(path: Path) -> None:
    with path.open("a") as stream:
        stream.write('{"seq": 6, "act": "to')
    assert len(journal.read(path)) == 5
    assert journal.append(path, {"act": "next"})["seq"] == 6
    assert journal.first_break(path) is None

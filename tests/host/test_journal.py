"""Is every change of a journal noticed, and does a torn line cost nothing but itself?"""

from __future__ import annotations

import json
import random
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


@pytest.mark.parametrize("length", [0, 60_000, 65_536, 70_000, 200_000])
def test_a_record_of_any_length_is_followed(path: Path, length: int) -> None:
    """An older version wrote texts whole, and the last record may be longer than what is read at once."""
    lines = path.read_bytes().split(b"\n")
    entry = {**json.loads(lines[-2]), "seq": 6, "previous": journal.digest(lines[-2]), "why": "A" * length}
    with path.open("ab") as stream:
        stream.write(json.dumps(entry, sort_keys=True).encode() + b"\n")
    assert journal.append(path, {"act": "next"})["seq"] == 7
    assert len(journal.read(path)) == 7
    assert journal.first_break(path) is None


@pytest.mark.fault("journal: torn line", ends="cleaned up")
def test_a_torn_line_of_any_length_is_forgotten(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b'{"act": "' + b"A" * 200_000)
    assert journal.append(path, {"act": "next"})["seq"] == 6
    assert journal.first_break(path) is None


def test_a_text_of_a_record_is_cut_and_never_acts(path: Path) -> None:
    told = {"why": "A" * 100_000, "deep": [{"x": "\x1b]0;x\x07\u2028" * 30_000}], "half": "\udcff"}
    entry = journal.append(path, {"act": "refused", **told})
    assert len(path.read_bytes().split(b"\n")[-2]) < 10_000
    assert entry["why"].startswith("AAA")
    assert entry["half"] == r"\udcff"
    assert entry["deep"][0]["x"].startswith(r"\x1b]0;x\x07\u2028")
    assert journal.first_break(path) is None


@pytest.mark.fault("journal edited", ends="found")
@pytest.mark.parametrize(
    "damaged",
    [
        b"{}",
        b"null",
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"seq": "6", "act": "x"}',
        b'{"seq": 6, "act": 1}',
        b"A" * 99_999,
    ],
    ids=range(8),
)
def test_behind_a_record_that_cannot_be_read_the_chain_goes_on(path: Path, damaged: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(damaged + b"\n")
    assert journal.append(path, {"act": "next", "run": "r", "by": "asha", "host": "app1"})["seq"] == 8
    journal.append(path, {"act": "after"})
    said, then, last = journal.read(path)[5:]
    assert (said["act"], said["run"], "record 6" in said["why"]) == ("journal damaged", "r", True)
    assert (then["act"], last["act"]) == ("next", "after")
    assert journal.first_break(path) == 6


def test_marks_that_end_lines_elsewhere_are_part_of_a_record(path: Path) -> None:
    last = path.read_bytes().split(b"\n")[-2]
    entry = {"seq": 6, "previous": journal.digest(last), "time": "", "act": "said", "why": "a\u2028b\x85c"}
    with path.open("ab") as stream:
        stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
    assert [one["seq"] for one in journal.read(path)] == [1, 2, 3, 4, 5, 6]
    assert journal.first_break(path) is None


def check_damage(count: int, path: Path) -> None:
    """Whatever a journal holds: it is read, looked at and gone on with, and what was damaged is named."""
    chance = random.Random(64)  # noqa: S311 - a repeatable choice, no secret
    whole = path.read_bytes()
    odd = [b"\n", b"{}\n", b"\xff", b"\xe2\x80\xa8", b"A" * 70_000, b"[" * 20_000, b'{"seq": 1}\n', b"\0", b'"', b"}"]
    for _ in range(count):
        at, end = sorted(chance.randint(0, len(whole)) for _ in range(2))
        kept = whole[:at] + b"".join(chance.choices(odd, k=chance.randint(0, 3))) + whole[chance.choice([at, end]) :]
        path.write_bytes(kept)
        before, broken = journal.read(path), journal.first_break(path)
        journal.append(path, {"act": "next"})
        assert journal.read(path)[: len(before)] == before
        assert journal.read(path)[-1]["act"] == "next"
        assert broken is None or journal.first_break(path) == broken
        assert len(path.read_bytes().split(b"\n")) - 1 == journal.read(path)[-1]["seq"] or broken is not None


def test_made_up_damage_stops_nothing(path: Path) -> None:
    check_damage(300, path)


@pytest.mark.soak
def test_much_made_up_damage_stops_nothing(path: Path) -> None:
    check_damage(10_000, path)

"""Is the journal of a run a chain that a kill cannot confuse and an edit cannot hide in?"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from namaskah_deploy import chain
from namaskah_deploy.chain import Chain

WRITER = """
import sys
from namaskah_deploy.chain import Chain
from pathlib import Path
journal = Chain(Path(sys.argv[1]))
print("begun", flush=True)
number = 0
while True:
    number += 1
    journal.add("step", number=number, text="x" * 300)
"""


def written(path: Path, count: int = 3) -> Path:
    journal = Chain(path)
    for number in range(count):
        journal.add("step", number=number)
    journal.close()
    return path


def test_a_chain_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl")
    written(path)
    assert [entry["seq"] for entry in chain.read(path)] == [1, 2, 3, 4, 5, 6]
    assert chain.first_break(path) is None


def test_a_torn_line_never_happened(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.jsonl")
    with path.open("a") as file:
        file.write('{"seq": 4, "previous": "')
    assert len(chain.read(path)) == 3
    written(path, 1)
    assert [entry["seq"] for entry in chain.read(path)] == [1, 2, 3, 4]
    assert chain.first_break(path) is None


@pytest.mark.fault("run record damaged", ends="found")
@pytest.mark.parametrize("change", ["edit", "drop", "swap", "insert"])
def test_a_change_is_found(tmp_path: Path, change: str) -> None:
    path = written(tmp_path / "journal.jsonl", 5)
    lines = path.read_text().splitlines()
    if change == "edit":
        lines[2] = json.dumps({**json.loads(lines[2]), "number": 99}, sort_keys=True)
    elif change == "drop":
        del lines[2]
    elif change == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines.insert(2, lines[1])
    path.write_text("\n".join(lines) + "\n")
    assert chain.first_break(path) in (3, 4)


def test_a_killed_writer_leaves_a_chain(tmp_path: Path) -> None:
    """Kill -9 in the middle of writing: what is there is a chain, and the next writer goes on."""
    path = tmp_path / "journal.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while len(chain.read(path)) < 5:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    before = len(chain.read(path))
    written(path, 2)
    assert len(chain.read(path)) == before + 2
    assert chain.first_break(path) is None


def test_marks_that_end_lines_elsewhere_are_part_of_an_entry(tmp_path: Path) -> None:
    """An older version wrote them as they are."""
    path = written(tmp_path / "journal.jsonl")
    last = path.read_bytes().split(b"\n")[-2]
    entry = {"seq": 4, "previous": chain._digest(last), "act": "said", "why": "a\u2028b\x85c"}
    with path.open("ab") as file:
        file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
    written(path, 1)
    assert [one["seq"] for one in chain.read(path)] == [1, 2, 3, 4, 5]
    assert chain.first_break(path) is None


def test_a_text_is_cut_and_never_acts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Chain(path)
    journal.add("said", why="A" * 100_000, deep=[{"half": "\udcff \x1b[2J"}])
    journal.close()
    (entry,) = chain.read(path)
    assert len(entry["why"]) < 2100
    assert entry["deep"][0]["half"] == r"\udcff \x1b[2J"


@pytest.mark.fault("run record damaged", ends="found")
@pytest.mark.parametrize("damaged", [b"{}", b"", b"\xff", b"[" * 100_000, b'"act"'], ids=range(5))
def test_behind_a_line_that_cannot_be_read_the_chain_goes_on(tmp_path: Path, damaged: bytes) -> None:
    path = written(tmp_path / "journal.jsonl")
    with path.open("ab") as file:
        file.write(damaged + b"\n")
    written(path, 1)
    entries = chain.read(path)
    assert [(entry["seq"], entry["act"]) for entry in entries[3:]] == [(5, "journal damaged"), (6, "step")]
    assert chain.first_break(path) == 4


def appended(path: Path) -> None:
    journal = Chain(path)
    journal.add("next")
    journal.close()


def check_damage(count: int, path: Path) -> None:
    """Whatever a record of a run holds: it is read, looked at and gone on with, and what was damaged is named."""
    chance = random.Random(65)  # noqa: S311 - a repeatable choice, no secret
    whole = written(path, 5).read_bytes()
    odd = [b"\n", b"{}\n", b"\xff", b"\xe2\x80\xa8", b"A" * 70_000, b"[" * 20_000, b'{"seq": 1}\n', b"\0", b'"', b"}"]
    for _ in range(count):
        at, end = sorted(chance.randint(0, len(whole)) for _ in range(2))
        kept = whole[:at] + b"".join(chance.choices(odd, k=chance.randint(0, 3))) + whole[chance.choice([at, end]) :]
        path.write_bytes(kept)
        before, broken = chain.read(path), chain.first_break(path)
        appended(path)
        assert chain.read(path)[: len(before)] == before
        assert chain.read(path)[-1]["act"] == "next"
        assert broken is None or chain.first_break(path) == broken
        assert len(path.read_bytes().split(b"\n")) - 1 == chain.read(path)[-1]["seq"] or broken is not None


def test_made_up_damage_stops_nothing(tmp_path: Path) -> None:
    check_damage(300, tmp_path / "journal.jsonl")


@pytest.mark.soak
def test_much_made_up_damage_stops_nothing(tmp_path: Path) -> None:
    check_damage(10_000, tmp_path / "journal.jsonl")

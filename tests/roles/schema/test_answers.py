"""What is read of the answer of a release, whatever it holds? Never a traceback, and no half of an answer."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import lines
from ansible.module_utils.namaskah_schema import answers, session
from ansible.module_utils.namaskah_schema.answers import Answer
from ansible.module_utils.namaskah_schema.history import read_known, read_pending
from ansible.module_utils.namaskah_schema.judgement import Judgement
from ansible.module_utils.namaskah_schema.statements import judge, tables

from tests.support import made_up
from tests.support.contracts import ROLE, contract

PRESETS = sorted(file.stem for file in ROLE.glob("presets/*.yml"))
ODD: list[Any] = [
    None, True, -1, 1e400, "", "a", "a\u2028b", "\ud800", "\x1b[2J", [], {}, [[]], {"a": []}, "x" * 9000, ["a", "a"],
    [["", "", ""]], {"sql": 1}, {"error": ""}, {"error": "\x07"}, {"error": 5},
]  # fmt: skip
WORDS = ["->", ",", " ", "(current)", "(head)", "<base>", "[X]", "[ ]", "a.0001_b", "0001", "1.2.0", "\u2028", "\x85",
         "\n", "\r", "(", ")", "\udcff", "'", "it's", "\t", "rename a -> b", "ALTER TABLE t DROP COLUMN c;", "$$", "/*",
         "--", ";", "DROP TABLE", '"', "x" * 500]  # fmt: skip


def document(number: int = 2) -> dict[str, Any]:
    names = [f"{place:04d}" for place in range(number)]
    known = [{"name": name, "places": {"migration": name, "before": "x"}, "also": [], "replaces": []} for name in names]
    return {"known": known, "pending": names[1:], "unsure": "", "sql": {names[-1]: ["DROP TABLE t", ""]}, "reverse": {}}


def read(data: bytes) -> Answer | str:
    try:
        return answers.read(data, what="ask", where="here", program="python -")
    except Failure as refused:
        failure = refused
    assert failure.why
    assert failure.next_step
    assert "\x1b" not in failure.why
    return failure.why


def test_an_answer_is_read_as_it_was_given() -> None:
    found = read(json.dumps(document()).encode())
    assert isinstance(found, Answer)
    assert [one.name for one in found.known] == ["0000", "0001"]
    assert found.pending == ("0001",)
    assert found.sql["0001"].sql == "DROP TABLE t"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ended without an answer"),
        (b'{"error": "it says \\u001b[2J"}', r"it says \x1b[2J"),
        (b"Traceback (most recent call last)", "gave 'Traceback (most recent call last)'"),
        (json.dumps(document()).encode()[:-9], "was to answer with one document of its own"),
        (json.dumps({**document(), "pending": ["0001", "0001"]}).encode(), "was to answer"),
        (json.dumps({**document(), "pending": ["none"]}).encode(), "was to answer"),
        (b"[" * 100_000, "was to answer"),
    ],
)
def test_what_is_no_answer_is_refused_with_what_came(data: bytes, why: str) -> None:
    found = read(data)
    assert isinstance(found, str)
    assert why in found


def check_documents(count: int) -> None:
    """Documents with a part of another kind, and bytes that were changed: read whole, or refused."""
    chance = random.Random(23)  # noqa: S311 - a repeatable choice, no secret
    for _ in range(count):
        raw = document(chance.randint(1, 4))
        for _ in range(chance.randint(0, 3)):
            replace(raw, chance)
        data = bytearray(json.dumps(raw).encode())
        for _ in range(chance.choice([0, 0, 1, 5])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        found = read(bytes(data[: chance.choice([None, None, None, chance.randrange(len(data))])]))
        if isinstance(found, Answer):
            assert {one.name for one in found.known} >= set(found.pending)


def replace(raw: Any, chance: random.Random) -> None:
    """Put something odd in the place of a part of `raw`."""
    keys = list(raw) if isinstance(raw, dict) else list(range(len(raw)))
    if not keys:
        return
    key = chance.choice(keys)
    if isinstance(raw[key], (dict, list)) and raw[key] and chance.random() < 0.7:
        replace(raw[key], chance)
    else:
        raw[key] = copy.deepcopy(chance.choice(ODD))


def check_lines(count: int) -> None:
    """What commands print, by the patterns of each preset, and the same as SQL."""
    chance = random.Random(24)  # noqa: S311 - a repeatable choice, no secret
    agreed = [Contract(contract(preset=name)) for name in PRESETS]
    for _ in range(count):
        text = "".join(chance.choices(WORDS, k=chance.randint(0, 40)))
        for one in agreed:
            known = read_known(one, text)
            assert len(known) <= len(lines(text))
            assert all(migration.name and not set(migration.name) & set(" \n") for migration in known)
            assert len(read_pending(one, text)) <= len(lines(text))
        judge(text, Judgement())
        tables(text)


ROWS = {"rows": [["public", "a", True, 5], ["public", "b", False, None]]}


def check_rows(count: int) -> None:
    """Whatever the session's program prints, it is rows of one length or an error in words."""
    choice, read = made_up.chance(26), 0
    for _ in range(count):
        raw = made_up.text(choice, choice.choice([ROWS, {"error": "x"}, {"level": "info", "error": None, "rows": 5}]))
        told = session._parsed(raw.decode(errors="replace"))
        assert told.keys() in ({"rows"}, {"error"})
        if "rows" in told:
            assert len({len(row) for row in told["rows"]}) < 2
            read += bool(told["rows"])
        else:
            assert told["error"]
    assert read > count / 50


def test_made_up_rows_of_a_session_are_read_or_refused() -> None:
    check_rows(300)


@pytest.mark.soak
def test_many_made_up_rows_of_a_session_are_read_or_refused() -> None:
    check_rows(10_000)


def test_made_up_answers_are_read_or_refused() -> None:
    check_documents(300)


def test_made_up_lines_are_read() -> None:
    check_lines(300)


@pytest.mark.soak
def test_many_made_up_answers_are_read_or_refused() -> None:
    check_documents(10_000)


@pytest.mark.soak
def test_many_made_up_lines_are_read() -> None:
    check_lines(10_000)

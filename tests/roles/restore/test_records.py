"""Is the record of a restore that holds something else damaged, in words that say what to do?"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.module_utils.namaskah_host import files
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import exchange, keeping, mending, records
from ansible.module_utils.namaskah_restore.loss import Since
from ansible.module_utils.namaskah_restore.settings import Asked

from tests.support import made_up

ID = "20260101T000001Z-aaaa"
MOMENT = "2026-01-01T00:00:00Z"
RECORD: dict[str, Any] = {
    "id": ID, "backup": "20260101T000000Z-bbbb", "live": "shop", "live_oid": 16384, "new": "shop_new", "new_oid": 16390,
    "reference": "shop_ref", "release": "r1", "of": {"commit": "c"}, "notes": ["a note"], "phase": "swapped",
    "moments": {"restoring": MOMENT, "swapped": MOMENT, "confirmed": MOMENT}, "old": "shop_old", "kept": "shop_old",
    "since": "5:5:", "final": False, "held_off_ms": 3.5, "loss": {}, "seconds": {"whole": 1.5}, "ended": [],
}  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    (tmp_path / ID).mkdir()
    return cast("Asked", SimpleNamespace(folder=tmp_path))


def used(asked: Asked) -> None:
    """Read the records as the steps do before they ask a database."""
    keeping.listed(asked)
    mending.pending(asked)
    with contextlib.suppress(Failure):
        record = exchange.returnable(asked)
        Since(9, record.get("since", "5:5:")).condition()
        assert isinstance(record["live"] + record["kept"] + record["old"], str)
        assert isinstance(record["live_oid"] + record["new_oid"], int)
    for record in records.all_of(asked):
        assert isinstance(record["moments"][record["phase"]] + record["release"] + record["reference"], str)
        assert records.folder_of(asked, record) == asked.folder / ID
        assert [*record["notes"], "one more"]


@pytest.mark.parametrize(("changed", "why"), [
    ({"id": "../.."}, "it is of restore ../.."), ({"phase": "sold"}, "phase is sold"), ({"phase": ["x"]}, "phase is"),
    ({"live_oid": "16384"}, "live_oid is"), ({"live": None}, "live is null"), ({"notes": "x"}, "notes is"),
    ({"moments": {}}, "moments is"), ({"since": "1); DROP"}, "since is no snapshot"), ({"loss": [1]}, "loss is"),
])  # fmt: skip
def test_a_record_of_another_shape_is_named(asked: Asked, changed: dict[str, Any], why: str) -> None:
    path = asked.folder / ID / records.FILE
    path.write_text(json.dumps({**RECORD, **changed}))
    with pytest.raises(files.Damaged, match="read a record") as caught:
        mending.pending(asked)
    assert why in caught.value.why
    assert caught.value.where == str(path)
    assert "move its folder away" in caught.value.next_step


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", json.dumps(RECORD)[:-9]])
def test_what_is_no_record_is_named(asked: Asked, text: str) -> None:
    (asked.folder / ID / records.FILE).write_text(text)
    with pytest.raises(files.Damaged):
        keeping.listed(asked)


@pytest.mark.parametrize(("phase", "gone"), [
    ("restoring", ("new_oid", "old", "kept", "since", "final", "held_off_ms", "loss", "seconds", "ended")),
    ("ready", ("old", "kept", "since", "final", "held_off_ms", "ended")), ("abandoned", ("new_oid", "old", "loss")),
    ("swapping", ("kept", "held_off_ms")), ("confirmed", ()),
])  # fmt: skip
def test_each_phase_has_what_it_came_to(asked: Asked, phase: str, gone: tuple[str, ...]) -> None:
    record = {name: value for name, value in RECORD.items() if name not in gone}
    moments = {**RECORD["moments"], phase: MOMENT}
    (asked.folder / ID / records.FILE).write_text(json.dumps({**record, "phase": phase, "moments": moments}))
    assert [one["phase"] for one in records.all_of(asked)] == [phase]


def check(asked: Asked, count: int) -> None:
    choice, read = made_up.chance(51), 0
    for _ in range(count):
        (asked.folder / ID / records.FILE).write_bytes(made_up.text(choice, RECORD))
        with contextlib.suppress(files.Damaged):
            used(asked)
            read += 1
    assert read > count / 20


def test_a_made_up_record_is_read_or_damaged(asked: Asked) -> None:
    check(asked, 300)


@pytest.mark.soak
def test_many_made_up_records_are_read_or_damaged(asked: Asked) -> None:
    check(asked, 10_000)

"""Is a manifest that holds something else damaged, in words, and does it harm no other backup?"""

from __future__ import annotations

import contextlib
import hashlib
import json
import runpy
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.module_utils.namaskah_backups import beside, fingerprint, manifest, outlook, pins, retention, warm
from ansible.module_utils.namaskah_backups.story import summary
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import choice
from ansible.module_utils.namaskah_restore.settings import Asked

from tests.support import made_up
from tests.support.project import ROOT

DETAILS = runpy.run_path(str(ROOT / "roles/backup/library/namaskah_backups.py"))["_details"]
RULES = retention.rules(1, 30)

GOOD, ODD = "20260101T000001Z-aaaa", "20260101T000002Z-bbbb"
SAID = {"A backup's manifest is damaged", "A record beside a backup is damaged"}


def content(name: str, number: int) -> dict[str, Any]:
    fingerprint = {
        "tables": {"public.a": [3, "5"]}, "sequences": {"public.s": [[1, True, 1, False], [2, True, 1, False]]},
        "objects": {"table": ["public.a"], "invalid index": []}, "extensions": {"x": "1"}, "roles": ["owner"],
        "large_objects": [0, "0"],
    }  # fmt: skip
    return {
        "format": manifest.FORMAT, "id": name, "number": number, "previous": {"id": GOOD, "sha256": "a" * 64},
        "files": {"dump": {"size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}}, "tools": {"client": "17"},
        "proof": {"state": "proved", "restore_seconds": 1.5, "compare_seconds": 2, "owners": True, "notes": ["x"]},
        "run": {"id": "run-1"}, "live": {"commit": "c" * 40, "tag": "v1", "release": "r"}, "timings": {"dump": 1.5},
        "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:01Z", "archive": {"file": "dump"},
        "database": {
            "file": "dump", "encoding": "UTF8", "collate": "C", "ctype": "C", "provider": "c", "locale": "",
            "version": "17.1", "version_num": 170001, "owner": "owner", "owners": ["owner"], "migrations": ["0001"],
            "rooms": [{"folder": "/x", "free": None, "needed": 5}], "prepared_transactions": ["t"], "identity": ["1"],
            "fingerprint": fingerprint, "size": 10**13, "collation_version": None},
    }  # fmt: skip


BESIDE: dict[str, dict[str, Any]] = {
    manifest.PIN: {"by": "asha", "reason": "", "moment": ""},
    manifest.WARM: {"database": "shop_warm", "owners": True, "service": "s"},
    manifest.COPIES: {"far": {"state": "copied", "to": "h:/x", "encrypted": ""}},
    manifest.PROOF: {"state": "failed", "moment": "", "why": "x"},
}


def used(root: Path, backups: list[manifest.Backup]) -> None:
    """Read of backups what listing, pruning, restoring and copying read."""
    for backup in backups:
        assert json.dumps([DETAILS(backup), summary(backup, [])])
        outlook.warnings(backup.proof, warm.of(backup.folder), 1)
        database = backup.content.get("database")
        if database:
            found = {**content(GOOD, 1)["database"]["fingerprint"], "sequences": {"public.s": [3, True, 1, False]}}
            assert all(fingerprint.differences(database["fingerprint"], found))
            assert (backup.folder / database["file"]).parent == backup.folder
    list(retention.judge(backups, RULES, retention.Needs(["r"], ["run-1"]), datetime.now(UTC), pin=pins.of))
    with contextlib.suppress(Failure):
        chosen = cast("Asked", SimpleNamespace(backup=SimpleNamespace(root=root), allow=()))
        code = choice.Code("c" * 40, {"known": ["0001"]})
        choice.notes(choice.chosen(chosen, "", code), code)


def check(root: Path, count: int) -> None:
    """Some are sealed, as by somebody who knows how; in others the seal is of before."""
    choice, read = made_up.chance(4), 0
    for name in (GOOD, ODD):
        (root / name).mkdir()
        (root / name / "dump").write_bytes(b"abc")
    manifest.write(root / GOOD, {**content(GOOD, 1), "previous": None})
    for _ in range(count):
        data = made_up.text(choice, {**content(ODD, 2), "sealed": True})
        (root / ODD / manifest.FILE).write_bytes(data)
        (root / ODD / manifest.SEAL).write_text(f"{hashlib.sha256(data).hexdigest()}  {manifest.FILE}\n")
        backups, wrong = manifest.listed(root)
        assert GOOD in [backup.id for backup in backups]
        assert len(backups) + len(wrong) == 2
        manifest.broken_links(backups)
        manifest.link(backups)
        for backup in backups:
            read += backup.id == ODD
            manifest.damages(backup)
            manifest.beside_damages(backup)
            json.dumps(backup.content)
        used(root, backups)
        assert {line.partition(": ")[2].partition(" (")[0] for line in wrong} <= SAID, wrong
    assert read > count / 20


@pytest.mark.parametrize(("changed", "why"), [
    ({"rooms": [{"free": None, "needed": 5}]}, "an entry of rooms lacks folder"),
    ({"migrations": [["0001"]]}, "migrations is"),
    ({"file": "../dump"}, "its database is none of its files"),
    ({"fingerprint": {}}, "fingerprint lacks tables"),
])  # fmt: skip
def test_a_manifest_whose_database_is_of_another_shape_is_damaged(
    tmp_path: Path, changed: dict[str, Any], why: str
) -> None:
    whole = content(ODD, 1)
    whole["database"].update(changed)
    (tmp_path / ODD).mkdir()
    manifest.write(tmp_path / ODD, whole)
    assert why in manifest.listed(tmp_path)[1][0]


def test_a_made_up_manifest_is_read_or_damaged(tmp_path: Path) -> None:
    check(tmp_path, 300)


def check_beside(root: Path, count: int) -> None:
    """Whoever forges a record beside a manifest writes its hash as well: the shape alone is judged."""
    choice, read = made_up.chance(5), 0
    folder = root / GOOD
    folder.mkdir()
    (folder / "dump").write_bytes(b"abc")
    sha256 = manifest.write(folder, {**content(GOOD, 1), "previous": None})
    for _ in range(count):
        for name, record in BESIDE.items():
            whole = {**record, "manifest_sha256": sha256} if name == manifest.PROOF else record
            beside.write(folder / name, made_up.changed(choice, whole))
        backups, wrong = manifest.listed(root)
        assert len(backups) + len(wrong) == 1
        used(root, backups)
        read += len(backups)
    assert read > count / 20


def test_a_made_up_record_beside_a_manifest_is_read_or_damaged(tmp_path: Path) -> None:
    check_beside(tmp_path, 100)


@pytest.mark.soak
def test_many_made_up_records_beside_a_manifest_are_read_or_damaged(tmp_path: Path) -> None:
    check_beside(tmp_path, 10_000)


@pytest.mark.soak
def test_many_made_up_manifests_are_read_or_damaged(tmp_path: Path) -> None:
    check(tmp_path, 10_000)

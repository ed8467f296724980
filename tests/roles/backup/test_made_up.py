"""Is a manifest that holds something else damaged, in words, and does it harm no other backup?"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import manifest

from tests.support import made_up

GOOD, ODD = "20260101T000001Z-aaaa", "20260101T000002Z-bbbb"
SAID = {"A backup's manifest is damaged", "A record beside a backup is damaged"}


def content(name: str, number: int) -> dict[str, Any]:
    return {
        "format": manifest.FORMAT, "id": name, "number": number, "previous": {"id": GOOD, "sha256": "a" * 64},
        "files": {"dump": {"size": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}}, "proof": {"state": "proved"},
        "run": {"id": "run-1"}, "live": {"commit": "c" * 40}, "started": "2026-01-01T00:00:00Z", "timings": {},
    }  # fmt: skip


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
        assert {line.partition(": ")[2].partition(" (")[0] for line in wrong} <= SAID, wrong
    assert read > count / 20


def test_a_made_up_manifest_is_read_or_damaged(tmp_path: Path) -> None:
    check(tmp_path, 300)


@pytest.mark.soak
def test_many_made_up_manifests_are_read_or_damaged(tmp_path: Path) -> None:
    check(tmp_path, 10_000)

"""Does the folder of a run say what happened while it happens, and does a run that goes on keep what was written?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from namaskah_deploy import chain
from namaskah_deploy.events import HostResult, HostStarted
from namaskah_deploy.record import Record

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def started(action: str) -> HostStarted:
    return HostStarted(at=NOW, phase="preparation", task="Prepare", action=action, host="web1")


def ended(action: str, **result: str) -> HostResult:
    return HostResult(at=NOW, phase="preparation", task="Prepare", action=action, host="web1", status="changed",
                      seconds=1.0, result=result)  # fmt: skip


def test_each_step_is_on_the_disk_before_and_after_it(tmp_path: Path) -> None:
    record = Record(tmp_path, "one", {"kind": "deploy", "environment": "production"})
    record.add(started("namaskah_prepare"))
    journal = record.folder / "journal.jsonl"
    assert [entry["act"] for entry in chain.read(journal)] == ["began", "step began"]
    record.add(ended("namaskah_resolve", commit="c", tag="t", release="r", subject="not kept here"))
    record.add(started("assert"))
    record.close({"exit_code": 0, "headline": "done"}, "")
    entries = chain.read(journal)
    assert [entry["act"] for entry in entries] == ["began", "step began", "step ended", "ended"]
    assert (entries[0]["kind"], entries[2]["commit"], entries[2]["release"]) == ("deploy", "c", "r")
    assert "subject" not in entries[2]
    assert entries[3]["exit_code"] == 0
    assert chain.first_break(journal) is None
    assert journal.stat().st_mode & 0o077 == 0


def test_a_run_that_goes_on_keeps_what_was_written(tmp_path: Path) -> None:
    died = Record(tmp_path, "one", {"kind": "deploy"})
    died.add(started("namaskah_prepare"))
    died._events.close()
    again = Record(tmp_path, "one", {"kind": "deploy"}, again=True)
    again.close({"exit_code": 0, "headline": "done"}, "")
    assert [entry["act"] for entry in chain.read(again.folder / "journal.jsonl")] == [
        "began", "step began", "goes on", "ended"]  # fmt: skip
    assert {path.name for path in again.folder.glob("events*")} == {"events.jsonl", "events-2.jsonl"}
    assert json.loads((again.folder / "report.json").read_text())["exit_code"] == 0


def test_a_name_is_not_used_twice_by_accident(tmp_path: Path) -> None:
    Record(tmp_path, "one").close({}, "")
    with pytest.raises(FileExistsError):
        Record(tmp_path, "one")

"""What is an operator shown before a rollback with its database is confirmed? By what the hosts are asked for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from namaskah_deploy import execute, preview
from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused
from namaskah_deploy.failure import Failure
from namaskah_deploy.outcome import Code
from namaskah_deploy.report import Failed, Report, Result
from namaskah_deploy.request import Kind, Request
from tests.support.command_line.small import world
from tests.support.command_line.streams import part
from tests.support.reports import made
from tests.support.told import STATE

FLEET = Environment("production", Path("hosts.yml"), {"app": ("web1",), "database": ("db1",)})
LOSS = {
    "from": "2026-01-31T23:59:59Z",
    "rows": {"inserted": 7, "updated": 0, "deleted": 1},
    "tables": {"public.payments": {"inserted": 7, "updated": 0, "deleted": 1}},
    "sums": [],
    "files": [],
}


def shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: list[Request], **words: Any) -> tuple[str, ...]:
    """Return what is shown before the question; the requests to the hosts go into `asked`."""
    broken = words.pop("broken", False)

    def answer(question: Request, *_: Any) -> tuple[Report, None]:
        asked.append(question)
        loss = question.kind is Kind.RESTORE_PREVIEW
        told = Result("db1", "restore", "namaskah_restore", {"backup": "b1", "loss": LOSS})
        if not loss:
            told = Result("web1", "status", "namaskah_status", STATE)
        found = dataclasses.replace(part("ok"), results=(told,))
        if loss and broken:
            why = Failed("db1", "restore", "task", Failure("refused", "what", "db1", "no room", "make some"))
            found = dataclasses.replace(found, failures=(why,))
            return dataclasses.replace(made(found), request=question, exit_code=Code.FAILED), None
        return dataclasses.replace(made(found), request=question), None

    monkeypatch.setattr(execute, "_asked", answer)
    request = Request(kind=Kind.ROLLBACK, environment="production", restore_database=True, **words)
    return tuple(execute._outlook(request, FLEET, world(tmp_path).surroundings()))


def test_the_backup_of_the_commit_that_returns_is_restored_beside_and_its_loss_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Request] = []
    lines = shown(monkeypatch, tmp_path, asked, tag="v0")
    assert [question.kind for question in asked] == [Kind.OUTLOOK, Kind.RESTORE_PREVIEW]
    assert asked[1].commit == preview.target_commit({"web1": STATE}, "v0")
    assert "7 rows inserted" in "\n".join(lines)
    assert not any("refused" in line for line in lines)


def test_where_nobody_knows_the_commit_a_backup_has_to_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="which backup fits") as refusal:
        shown(monkeypatch, tmp_path / "a", [], tag="v9")
    assert "--backup" in str(refusal.value)
    asked: list[Request] = []
    assert shown(monkeypatch, tmp_path / "b", asked, tag="v9", backup="20260131T235959Z-4f2a")
    assert asked[1].backup == "20260131T235959Z-4f2a"


def test_nobody_is_asked_where_the_loss_cannot_be_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be prepared") as refusal:
        shown(monkeypatch, tmp_path, [], tag="v0", broken=True)
    assert "no room" in str(refusal.value)

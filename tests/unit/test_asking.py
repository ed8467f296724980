"""Who is asked, and what, before something is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from namaskah_deploy import asking
from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused
from namaskah_deploy.request import CHANGING, REPLACING, Kind, Request

FLEET = Environment("production", Path("hosts.yml"), {"app": ("web1", "web2"), "database": ("db1",)})


@pytest.mark.parametrize("kind", sorted(CHANGING - REPLACING))
def test_where_nobody_can_be_asked_a_change_needs_yes(kind: Kind) -> None:
    request = Request(kind=kind, environment="production")
    with pytest.raises(Refused, match="was not confirmed") as refusal:
        asking.confirm(request, FLEET, yes=False, terminal=False)
    assert f"namaskah-deploy {kind} production --yes" in str(refusal.value)
    asking.confirm(request, FLEET, yes=True, terminal=False)


@pytest.mark.parametrize("kind", sorted(set(Kind) - CHANGING))
def test_what_changes_nothing_needs_no_answer(kind: Kind) -> None:
    asking.confirm(Request(kind=kind, environment="production"), FLEET, yes=False, terminal=False)


@pytest.mark.parametrize(
    ("kind", "tag", "ref", "limit", "question"),
    [
        (Kind.DEPLOY, "", "v2", (), "Release v2 to production (web1, web2)?"),
        (Kind.DEPLOY, "", "", ("web1",), "Release the ref of the inventory to production (web1)?"),
        (Kind.ROLLBACK, "v1", "", (), "Go back to v1 on production (web1, web2)?"),
        (Kind.ROLLBACK, "", "", (), "Go back to the last good release before the live one on production (web1, web2)?"),
        (Kind.PROVISION, "", "", (), "Provision production (web1, web2)?"),
        (Kind.BACKUPS_PRUNE, "", "", (), "Remove the backups shown above from production (db1)?"),
    ],
)
def test_the_question_names_what_and_where(
    kind: Kind, tag: str, ref: str, limit: tuple[str, ...], question: str
) -> None:
    request = Request(kind=kind, environment="production", tag=tag, ref=ref, limit=limit)
    assert asking.question(request, FLEET) == question


LOSING = [
    *(Request(kind=kind, environment="production") for kind in sorted(REPLACING)),
    Request(kind=Kind.ROLLBACK, environment="production", restore_database=True),
]


@pytest.mark.parametrize("request_", LOSING, ids=lambda request: str(request.kind))
def test_who_takes_rows_away_gives_the_environments_name(request_: Request) -> None:
    with pytest.raises(Refused, match="was not confirmed") as refusal:
        asking.confirm(request_, FLEET, yes=True, terminal=False)
    assert "--confirm production" in str(refusal.value)
    with pytest.raises(Refused, match="was not confirmed"):
        asking.confirm(replace(request_, confirmed="staging"), FLEET, yes=True, terminal=False)
    asking.confirm(replace(request_, confirmed="production"), FLEET, yes=False, terminal=False)


@pytest.mark.parametrize(("typed", "good"), [("production", True), ("y", False), ("", False)])
def test_at_a_terminal_the_loss_is_shown_and_the_name_typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, good: bool
) -> None:
    monkeypatch.setattr("click.prompt", lambda *_, **__: typed)
    words: dict[str, Any] = {"yes": True, "terminal": True, "preview": lambda: ["7 rows"]}
    if good:
        asking.confirm(LOSING[0], FLEET, **words)
    else:
        with pytest.raises(Refused, match="was not confirmed"):
            asking.confirm(LOSING[0], FLEET, **words)
    assert "7 rows" in capsys.readouterr().err

"""Tables of what hosts told, complete and empty ones."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from namaskah_deploy import backup_tables, launch, loss, outcome, preview, resume, summary, tables
from namaskah_deploy.errors import Refused
from namaskah_deploy.events import HostResult, Retry, parse
from namaskah_deploy.redact import Redactor
from namaskah_deploy.report import Part, Report, Result, facts
from namaskah_deploy.request import Kind, Request
from tests.support import made_up
from tests.support.told import LEASE, LIVE, STATE


def _text(kind: Kind, hosts: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200)
    tables.show(kind, hosts, console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]  # it is the StringIO of the line above


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            Kind.STATUS,
            [
                "web1",
                "r2",
                "cccccccccccc",
                "v2",
                "blue",
                "live",
                "retiring",
                "ada@laptop",
                "3.0",
                "does not run",
                "out of its balancer",
                "run-9",
                "eve@laptop",
            ],
        ),
        (Kind.RELEASES, ["web1", "*", "r2", "r1", "superseded", "bob", "bad"]),
        (Kind.BACKUPS, ["b1", "passed", "2.0", "warm", "b0 has no manifest"]),
        (Kind.BACKUPS_SHOW, ["web1: b1", "marks", "warm", "started"]),
        (Kind.BACKUPS_PREVIEW, ["b0", "would go", "90 days", "b1", "stays", "the last proved one"]),
        (Kind.BACKUPS_PRUNE, ["b0", "b1"]),
    ],
)
def test_what_a_table_shows(kind: Kind, words: list[str]) -> None:
    text = _text(kind, {"web1": STATE})
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.RELEASES, Kind.BACKUPS, Kind.PLAN])
@pytest.mark.parametrize("state", [{}, {"live": None, "lease": None, "switch": None, "releases": None, "drift": []}])
def test_a_host_without_any_release(kind: Kind, state: dict[str, Any]) -> None:
    assert kind in (Kind.RELEASES, Kind.BACKUPS) or "web1" in _text(kind, {"web1": state})


def test_marks_of_the_terminal_library_are_shown_as_text() -> None:
    assert "[red]v1[/red]" in _text(Kind.STATUS, {"web1": {**STATE, "live": {**LIVE, "tag": "[red]v1[/red]"}}})


def test_a_plan_shows_whatever_it_holds() -> None:
    text = _text(Kind.PLAN, {"web1": {"pending_migrations": ["0002_add"], "downtime": {"seconds": 0}, "none": None}})
    assert [word for word in ("pending migrations", "0002_add", "seconds: 0") if word not in text] == []


def test_the_lease_of_each_host() -> None:
    console = Console(file=io.StringIO(), width=200)
    tables.lease({"web1": STATE, "web2": {"lease": None}}, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO above
    assert "ada@laptop" in text
    assert "free" in text


@pytest.mark.parametrize(
    ("tag", "line"),
    [
        ("", "web1: r2 (v2, live, ada, 3) -> r1 (v1, superseded, bob, 2)"),
        ("v0", "web1: r2 (v2, live, ada, 3) -> r0 (v0, superseded, bob, 1)"),
        ("v9", "web1: r2 (v2, live, ada, 3) -> v9 is not kept and is prepared again"),
    ],
)
def test_where_a_rollback_would_lead(tag: str, line: str) -> None:
    assert list(preview.lines({"web1": STATE}, tag)) == [line]


@pytest.mark.parametrize(
    ("hosts", "tag", "commit"),
    [
        ({"web1": STATE}, "", "b" * 40),
        ({"web1": STATE}, "v9", ""),
        ({"web1": STATE, "web2": {}}, "", ""),
        ({}, "", ""),
    ],
)
def test_which_commit_a_rollback_would_lead_to(hosts: dict[str, Any], tag: str, commit: str) -> None:
    assert preview.target_commit(hosts, tag) == commit


def test_a_rollback_that_leads_nowhere() -> None:
    assert list(preview.lines({"web1": {}}, "")) == [
        "web1: nothing is live -> no good release before it is kept: name a --tag"
    ]


def test_what_pruning_would_remove_is_said_before_the_question() -> None:
    assert list(backup_tables.lines({"db1": STATE, "db2": {}})) == [
        "db1: b0 would go (90 days old, and nothing needs it)",
        "db2: no backup would go",
    ]


def heard(choice: random.Random, action: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is read of the answers of two hosts, which are `told` with something else in them."""
    answers = {host: made_up.changed(choice, {"changed": True, "result": told}) for host in ("web1", "web2")}
    return {host: heard_once(action, **answer)["web1"] for host, answer in answers.items()}


def heard_once(action: str, result: object = None, **more: object) -> dict[str, Any]:
    """Return what is read of the answer of one host."""
    data = {"host": "web1", "task": "t", "role": "r", "task_action": action, "res": {"result": result, **more}}
    event = parse({"event": "runner_on_ok", "event_data": data})
    assert isinstance(event, HostResult)
    return {event.host: event.result or {}}


def check_made_up(count: int) -> None:
    """Whatever hosts answer, through the events of a run and into every table and line."""
    choice, console = made_up.chance(21), Console(file=io.StringIO(), width=200)
    for _ in range(count):
        hosts = heard(choice, "namaskah_status", FULL)
        for kind in (Kind.STATUS, Kind.RELEASES, Kind.PLAN, Kind.BACKUPS, Kind.BACKUPS_SHOW, Kind.BACKUPS_PRUNE):
            tables.show(kind, hosts, console)
        tables.lease(hosts, console)
        preview.target_commit(hosts, "")
        with contextlib.suppress(Refused):
            resume.request("production", hosts, "", "ada")
        assert all([*backup_tables.lines(hosts), *preview.lines(hosts, ""), *resume.lines("production", hosts)])


def check_databases(count: int) -> None:
    """Whatever hosts answer of their database, it is told before the question and at the end of a run."""
    choice = made_up.chance(22)
    for _ in range(count):
        for told in heard(choice, "namaskah_schema", SCHEMA).values():
            assert all(preview.schema_lines(told, reverse=choice.random() < 0.5))
        assert all(loss.lines(heard(choice, "namaskah_restore", RESTORE)))
        results = [
            Result(host, action.removeprefix("namaskah_"), action, told)
            for action, answer in ANSWERS.items()
            for host, told in heard(choice, action, answer).items()
        ]
        part = replace(NOTHING, results=(*results, *(replace(one, phase="migration") for one in results)))
        for kind in (Kind.DEPLOY, Kind.RECOVER, Kind.RESTORE):
            asked = Request(kind=kind, environment="production", by="ada")
            for code in (0, 2):
                ended = outcome.judge(asked, replace(part, code=code), part, ("web1", "web2"))
                assert all(isinstance(line, str) for line in (ended.headline, *ended.advice))
        moment = datetime.now(UTC)
        made = Report(
            run="r", request=asked, words={}, started=moment, ended=moment, part=part, recovery=part, facts=facts(part)
        )
        assert all(isinstance(line, str) for line in summary.lines(made, None))


def test_what_a_host_leaves_out_of_a_loss_or_a_reversal_is_not_said_to_be_nothing() -> None:
    (_, said, *_) = loss.lines(heard_once("namaskah_restore", {"loss": {"rows": {"inserted": 5, "updated": "x"}}}))
    assert "5 rows inserted and an unknown number of updated" in said
    told = heard_once("namaskah_schema", {"reversal": [{"name": "0002"}, 7], "ahead": [7, {}]})["web1"]
    assert list(preview.schema_lines(told, reverse=True))[1:] == [
        "  a migration without a name",
        "  0002 does NOT go back: nobody told whether it does",
    ]


COUNTS = {"inserted": 1, "updated": 2, "deleted": 3}
SCHEMA = {
    "schema": "one migration ahead", "breaking": True, "unseen": ["0002"], "ahead": [
        {"name": "0002", "statements": [{"sql": "DROP TABLE a"}], "older_code_fails_on": ["a"]}],
    "reversal": [{"name": "0002", "impossible": "it has no reverse"}],
}  # fmt: skip
RESTORE = {
    "backup": "b1", "notes": ["a note"], "phase": "swapped", "loss": {
        "from": "2026-01-01T00:00:00Z", "rows": COUNTS, "tables": {"a": COUNTS, "b": COUNTS}, "files": ["a.csv"],
        "sums": [{"table": "a", "groups": [{"day": 1, "total": 2}]}], "folder": "/var/backups/lost"},
}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "namaskah_migrate": {"applied": ["0002"], "reversed": ["0003"], "unknown": "", "schema": "breaking",
                         "undo": ["migrate back"], "fewer_told": ["table a: 5 rows in the backup, 0 now"]},
    "namaskah_backup": {"id": "b1", "counts": {"a": 5}, "database": {"file": "x"}, "archive": {"files": 1}},
    "namaskah_preflight": {"complaints": [{"check": "lease", "why": "held"}]},
    "namaskah_weigh": {"concluded": True, "left_out": ["web3"]},
    "namaskah_drain": {"drained": True}, "namaskah_activate": {"release": "r2", "from": "r1"},
    "namaskah_recover": {"state": "returned", "serving": "r1", "why": "", "notes": ["x"]},
    "namaskah_restore": RESTORE, "namaskah_status": {"confirmed_doubt": "x"},
}  # fmt: skip
NOTHING = Part((), (), (), (), ("web1",), 0, stopped=False, completed=True)
WORKER = {"program": "python", "pid": 7}
UNFINISHED = {"run": "run-1", "by": "ada", "since": "s", "kind": "deploy", "tag": "v2", "commit": "c", "phase": "p",
              "state": "works", "switch": "armed", "returns_in": 7, "workers": [WORKER], "silent": 3, "expires_in": 9,
              "controller": {"host": "laptop"}, "allow": ["drift"]}  # fmt: skip
FULL = {**STATE, "lease": {**LEASE, "expires": 4e9}, "unfinished": UNFINISHED, "journal_break": None}


def test_made_up_answers_of_hosts_are_shown() -> None:
    check_made_up(300)


@pytest.mark.soak
def test_many_made_up_answers_of_hosts_are_shown() -> None:
    check_made_up(10_000)


def test_made_up_answers_about_databases_are_told() -> None:
    check_databases(100)


@pytest.mark.soak
def test_many_made_up_answers_about_databases_are_told() -> None:
    check_databases(10_000)


@pytest.mark.parametrize("spoil", [{"attempts": "x"}, {"attempts": 1e999}, {"result": 1}, {"failure": 7}, [1], "x", 5])
@pytest.mark.parametrize("name", ["runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_retry"])
def test_an_odd_answer_of_a_host_is_an_event(name: str, spoil: object) -> None:
    data = {"host": "web1", "task": "t", "role": "r", "task_action": "namaskah_status", "res": spoil}
    assert isinstance(parse({"event": name, "event_data": data}), HostResult | Retry)


def test_an_answer_that_is_too_deep_hides_no_failure() -> None:
    deep: Any = "a secret"
    for _ in range(5000):
        deep = [deep]
    raw = {
        "event": "runner_on_failed",
        "event_data": {"host": "web1", "task": "t", "res": {"failure": deep, "x": deep}},
    }
    event, (wrong,) = launch._parsed(Redactor(), raw)
    assert isinstance(event, HostResult)
    assert event.status == "failed"
    assert event.failure is not None
    assert "what web1 answered cannot be read" in wrong
    assert "what web1 answered cannot be read" in event.failure.why + event.failure.what

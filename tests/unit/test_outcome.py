"""Every exit code, by what came of a run and of the return."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from namaskah_deploy import outcome
from namaskah_deploy.failure import Failure
from namaskah_deploy.outcome import MEANING, Code
from namaskah_deploy.phases import Phase
from namaskah_deploy.report import Failed, Part, Result
from namaskah_deploy.request import Kind, Request
from tests.support.command_line.streams import part
from tests.support.reports import MOMENT

HOSTS = ("web1", "web2")
FORWARD = ("resolve", "preflight", "lock", "backup", "preparation", "migration", "activation", "verification")


def _request(kind: Kind = Kind.DEPLOY) -> Request:
    return Request(kind=kind, environment="production")


def _failed(phase: str, kind: str = "failed", host: str = "web2") -> Failed:
    return Failed(host, phase, "task", Failure(kind, "what", host, "why", "do this"))


def _part(phase: str, kind: str = "failed", recovered: dict[str, dict[str, Any]] | None = None) -> Part:
    """Return a run that failed in `phase`, after all that come before it, with what the return said in it."""
    order = (*FORWARD, "validation", "smoke", "confirmation", "finish")
    names = order[: order.index(phase) + 1]
    results = [Result("web1", "resolve", "namaskah_resolve", {"release": "new"})]
    results += [Result(host, "recovery", "namaskah_recover", told) for host, told in (recovered or {}).items()]
    return Part(
        phases=tuple(Phase(name, MOMENT, MOMENT) for name in names),
        failures=(_failed(phase, kind),),
        results=tuple(results),
        missing=(),
        processed=HOSTS,
        code=2,
        stopped=False,
        completed=True,
    )


def _recovery(**states: tuple[str, str]) -> Part:
    """Return a run of recover.yml: host=(state, release that it serves)."""
    told = {host: {"state": state, "serving": serving} for host, (state, serving) in states.items()}
    return dataclasses.replace(_part("resolve", recovered=told), failures=(), code=0)


def _complaint(check: str) -> Part:
    told = {"complaints": [{"check": check, "host": "web1"}]}
    return dataclasses.replace(_part("preflight", "refused"), results=(Result("web1", "preflight", "module", told),))


BACK = _recovery(web1=("returned", "old"), web2=("nothing", "old"))


@pytest.mark.parametrize(
    ("phase", "kind", "code"),
    [
        ("resolve", "refused", Code.FAILED),
        ("preflight", "failed", Code.FAILED),
        ("preflight", "unreachable", Code.UNREACHABLE),
        ("lock", "refused", Code.LEASE_HELD),
        ("lock", "failed", Code.FAILED),
        ("backup", "failed", Code.FAILED),
        ("preparation", "unreachable", Code.UNREACHABLE),
        ("migration", "failed", Code.FAILED),
    ],
)
def test_before_the_switch(phase: str, kind: str, code: Code) -> None:
    found = outcome.judge(_request(), _part(phase, kind), None, HOSTS)
    assert found.code is code
    assert "nothing was switched" in found.headline
    assert found.advice == ("do this",)


def test_a_failed_migration_says_that_the_database_may_be_ahead() -> None:
    assert "database may be ahead" in outcome.judge(_request(), _part("migration"), None, HOSTS).headline
    assert "database" not in outcome.judge(_request(), _part("preparation"), None, HOSTS).headline


@pytest.mark.parametrize("phase", outcome.AFTER_SWITCH)
@pytest.mark.parametrize(
    ("recovery", "code"),
    [
        (BACK, Code.RETURNED),
        (_recovery(web1=("returned", "old")), Code.NOT_RETURNED),
        (_recovery(web1=("returned", "old"), web2=("failed", "new")), Code.NOT_RETURNED),
        (_recovery(web1=("nothing", "old"), web2=("nothing", "new")), Code.NOT_RETURNED),
        (_recovery(web1=("nothing", "new"), web2=("confirmed", "new")), Code.UNFINISHED),
        (_recovery(), Code.NOT_RETURNED),
        (None, Code.NOT_RETURNED),
    ],
)
def test_after_the_switch_had_begun(phase: str, recovery: Part | None, code: Code) -> None:
    assert outcome.judge(_request(), _part(phase), recovery, HOSTS).code is code


def test_what_was_not_returned_is_named_with_the_command() -> None:
    found = outcome.judge(_request(), _part("verification"), _recovery(web1=("returned", "old")), HOSTS)
    assert "web2 (serves an unknown release)" in found.headline
    assert "web1" not in found.headline
    assert "namaskah-deploy recover production --yes" in found.advice[0]


def test_the_return_within_the_play_counts_and_the_later_one_corrects_it() -> None:
    within = {"web2": {"state": "failed", "serving": "new"}, "web1": {"state": "returned", "serving": "old"}}
    failed = _part("verification", recovered=within)
    assert outcome.judge(_request(), failed, None, HOSTS).code is Code.NOT_RETURNED
    assert outcome.judge(_request(), failed, _recovery(web2=("returned", "old")), HOSTS).code is Code.RETURNED


@pytest.mark.parametrize(
    ("kind", "found", "needed"),
    [
        (Kind.DEPLOY, _part("preflight"), False),
        (Kind.DEPLOY, _part("lock"), True),
        (Kind.ROLLBACK, _part("activation"), True),
        (Kind.DEPLOY, part("ok"), False),
        (Kind.VERIFY, _part("verification"), False),
        (Kind.DEPLOY, _part("backup", recovered={host: {"state": "nothing"} for host in HOSTS}), False),
        (Kind.DEPLOY, _part("verification", recovered={"web2": {"state": "returned"}}), True),
        (Kind.DEPLOY, _part("verification", recovered={host: {"state": "failed"} for host in HOSTS}), True),
    ],
)
def test_when_a_run_of_recover_follows(kind: Kind, found: Part, needed: bool) -> None:
    assert outcome.needs_recovery(_request(kind), found, HOSTS) is needed


@pytest.mark.parametrize(
    ("phase", "recovery", "code"),
    [
        ("preparation", None, Code.INTERRUPTED),
        ("activation", BACK, Code.INTERRUPTED),
        ("activation", _recovery(web1=("returned", "old")), Code.NOT_RETURNED),
        ("finish", _recovery(web1=("nothing", "new"), web2=("nothing", "new")), Code.UNFINISHED),
    ],
)
def test_interrupted(phase: str, recovery: Part | None, code: Code) -> None:
    stopped = dataclasses.replace(_part(phase), failures=(), code=99, stopped=True, completed=False)
    assert outcome.judge(_request(), stopped, recovery, HOSTS).code is code


@pytest.mark.parametrize(
    ("kind", "found", "code"),
    [
        (Kind.DEPLOY, part("ok"), Code.DONE),
        (Kind.DEPLOY, part("ok", stopped=True), Code.DONE),
        (Kind.DEPLOY, part("rescued"), Code.DONE),
        (Kind.STATUS, part("no_hosts"), Code.FAILED),
        (Kind.STATUS, part("no_hosts", expected=()), Code.FAILED),
        (Kind.BACKUP, part("broken"), Code.FAILED),
        (Kind.PROVISION, part("bad_argument"), Code.FAILED),
        (Kind.STATUS, part("unreachable"), Code.UNREACHABLE),
        (Kind.VERIFY, part("failed"), Code.CHECKS_FAILED),
        (Kind.VERIFY, part("unreachable"), Code.UNREACHABLE),
        (Kind.BACKUP, _part("lock", "refused"), Code.LEASE_HELD),
        (Kind.DEPLOY, _complaint("lease"), Code.LEASE_HELD),
        (Kind.DEPLOY, _complaint("space"), Code.FAILED),
    ],
)
def test_commands_that_switch_nothing(kind: Kind, found: Part, code: Code) -> None:
    assert outcome.judge(_request(kind), found, None, HOSTS).code is code


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (BACK, Code.DONE),
        (_recovery(web1=("returned", "old")), Code.NOT_RETURNED),
        (_recovery(web1=("returned", "old"), web2=("failed", "new")), Code.NOT_RETURNED),
        (dataclasses.replace(_recovery(), failures=(_failed("recovery", "refused"),)), Code.LEASE_HELD),
        (dataclasses.replace(BACK, code=2, failures=(_failed("recovery"),)), Code.FAILED),
        (dataclasses.replace(BACK, stopped=True, code=99), Code.INTERRUPTED),
    ],
)
def test_recover_by_hand(found: Part, code: Code) -> None:
    assert outcome.judge(_request(Kind.RECOVER), found, None, HOSTS).code is code


def test_every_code_has_a_meaning() -> None:
    assert set(MEANING) == set(Code)


@pytest.mark.parametrize(
    ("found", "why", "bad"),
    [
        (_part("verification"), "verification: what: why", False),
        (_part("activation", "unhealthy"), "activation: what: why", True),
        (dataclasses.replace(_part("activation"), stopped=True), "the run was interrupted", False),
        (dataclasses.replace(_part("activation"), failures=()), "the run ended without an answer", False),
    ],
)
def test_what_the_hosts_are_told_as_the_reason(found: Part, why: str, bad: bool) -> None:
    assert outcome.blame(found) == (why, bad)


def test_a_release_that_stands_without_a_host_is_done_and_incomplete() -> None:
    """The run said so itself at its end; nobody is brought back, for the others were told that it stands."""
    said = Result("web1", "waves", "namaskah_weigh", {"left_out": ["web2"], "concluded": True})
    ended = dataclasses.replace(_part("finish"), failures=(_failed("waves", host="web1"),), results=(said,))
    assert not outcome.needs_recovery(_request(), ended, HOSTS)
    judged = outcome.judge(_request(), ended, None, HOSTS)
    assert judged.code is Code.INCOMPLETE
    assert "web2" in judged.headline
    assert judged.advice == ("do this",)


def test_a_host_that_was_only_weighed_is_not_left_out() -> None:
    """Before the end a verdict is no result: a run that died after it is brought back."""
    said = Result("web1", "waves", "namaskah_weigh", {"left_out": ["web2"], "concluded": False})
    ended = dataclasses.replace(_part("verification"), results=(said,))
    assert outcome.needs_recovery(_request(), ended, HOSTS)


def _with_drain(run: Part, **hosts: bool) -> Part:
    """Return the run with what its hosts said last of their balancer."""
    told = tuple(Result(host, "balancer", "namaskah_drain", {"drained": out}) for host, out in hosts.items())
    return dataclasses.replace(run, results=(*run.results, *told))


def test_a_host_that_is_left_out_of_its_balancer_is_not_returned() -> None:
    told = {host: dict(state) for host, state in BACK.by_host("namaskah_recover").items()}
    returned = _with_drain(_part("activation", recovered=told), web1=True, web2=False)
    assert outcome.needs_recovery(_request(), returned, HOSTS)
    judged = outcome.judge(_request(), returned, _with_drain(BACK, web1=True), HOSTS)
    assert judged.code is Code.NOT_RETURNED
    assert "web1" in judged.headline
    assert "web2" not in judged.headline
    assert "recover" in judged.advice[0]
    assert outcome.judge(_request(Kind.RECOVER), _with_drain(BACK, web1=True), None, HOSTS).code is Code.NOT_RETURNED


def _with_restore(run: Part, **told: str) -> Part:
    """Return the run with what the database's host said last of its restore."""
    return dataclasses.replace(run, results=(*run.results, Result("db1", "restore", "namaskah_restore", told)))


@pytest.mark.parametrize("told", [{"phase": "swapped"}, {"unfinished": "swapping"}, {"phase": "returning"}])
def test_a_database_that_is_neither_confirmed_nor_swapped_back_is_not_returned(told: dict[str, str]) -> None:
    states = {host: dict(state) for host, state in BACK.by_host("namaskah_recover").items()}
    left = _with_restore(_part("activation", recovered=states), **told)
    assert outcome.needs_recovery(_request(Kind.ROLLBACK), left, HOSTS)
    judged = outcome.judge(_request(Kind.ROLLBACK), left, BACK, HOSTS)
    assert judged.code is Code.NOT_RETURNED
    assert "db1" in judged.headline
    assert "recover production" in judged.advice[0]
    back = _with_restore(BACK, phase="returned")
    assert outcome.judge(_request(Kind.ROLLBACK), left, back, HOSTS).code is Code.RETURNED


def test_the_last_word_about_the_balancer_counts() -> None:
    returned = _with_drain(_part("activation"), web1=True, web2=True)
    back = _with_drain(BACK, web1=False, web2=False)
    assert outcome.judge(_request(), returned, back, HOSTS).code is Code.RETURNED


def _migrated(phase: str, **told: Any) -> Part:
    """Return a run that failed in `phase` after its backup and its migrations said this."""
    failed = _part(phase)
    backup = Result("db1", "backup", "async_status", {"id": "20261130T000000Z-1", "counts": {"public.payments": 478}})
    said = Result("web1", "migration", "namaskah_migrate", {"applied": [], **told})
    return dataclasses.replace(failed, results=(*failed.results, backup, said))


def test_no_migration_is_said_to_be_applied_only_where_nobody_could_look() -> None:
    asked = outcome.judge(_request(), _migrated("migration"), None, HOSTS)
    assert asked.headline.endswith("nothing was switched; no migration was applied")
    unknown = outcome.judge(_request(), _migrated("migration", unknown="no command"), None, HOSTS)
    assert "database may be ahead" in unknown.headline
    assert any("IS UNKNOWN" in line and "no command" in line for line in unknown.advice)


@pytest.mark.parametrize(
    ("schema", "said"), [("breaking", "FAILS"), ("unknown", "works with them is unknown"), ("compatible", "they stay")]
)
def test_what_stays_in_the_database_is_said_as_it_was_observed(schema: str, said: str) -> None:
    told = outcome.judge(_request(), _migrated("verification", applied=["0002"], schema=schema), BACK, HOSTS)
    assert any("THE DATABASE IS AHEAD" in line and said in line for line in told.advice)


def test_a_returned_release_that_deleted_rows_names_them_and_the_restore() -> None:
    gone = ["table public.payments: 478 rows in the backup, 0 now"]
    part = _migrated("verification", applied=["0002"], schema="unknown", fewer_told=gone)
    told = outcome.judge(_request(), part, BACK, HOSTS)
    assert told.code is Code.RETURNED
    (line,) = [line for line in told.advice if "ROWS ARE GONE" in line]
    assert gone[0] in line
    assert line.endswith("namaskah-deploy backups restore production 20261130T000000Z-1")

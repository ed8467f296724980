"""Does a dead run go on as what it was, and is an operator told how far it is and how it ends?"""

from __future__ import annotations

from typing import Any

import pytest

from namaskah_deploy import plan, resume
from namaskah_deploy.errors import Refused
from namaskah_deploy.request import Kind

COMMIT = "c" * 40
RELEASE = f"20260101T000000Z-{'c' * 12}"
KNOWN: dict[str, Any] = {
    "run": "20260101T000000Z-0a0a0a0a", "by": "ada@laptop", "since": "2026-01-01T00:00:00.000+00:00",
    "reason": "a fix", "kind": "deploy", "ref": "v1.1.0", "commit": COMMIT, "tag": "v1.1.0", "release": RELEASE,
    "limit": "web1,db1", "allow": ["drift"], "phase": "activate", "state": "cut off", "at": "", "workers": [],
    "switch": "switched", "returns_in": 42, "silent": 7, "expires_in": 53,
}  # fmt: skip


def host(**changes: Any) -> dict[str, Any]:
    return {"unfinished": {**KNOWN, **changes}}


def test_a_deploy_goes_on_with_what_it_had_resolved() -> None:
    found = resume.request("production", {"web1": host(), "web2": {"unfinished": None}}, "", "eve@desk")
    assert (found.kind, found.ref, found.limit, found.allow) == (Kind.DEPLOY, "v1.1.0", ("web1", "db1"), ("drift",))
    variables = plan.variables(found, KNOWN["run"])
    assert variables["namaskah_run_id"] == KNOWN["run"]
    assert variables["namaskah_resume"] == "true"
    assert (variables["resolve_commit"], variables["resolve_tag"], variables["resolve_release"]) == (
        COMMIT, "v1.1.0", RELEASE)  # fmt: skip


def test_a_rollback_goes_on_as_one_and_each_host_knows_its_own_release() -> None:
    found = resume.request("production", {"web1": host(kind="rollback")}, KNOWN["run"], "eve@desk")
    variables = plan.variables(found, KNOWN["run"])
    assert (found.kind, variables["namaskah_target_tag"]) == (Kind.ROLLBACK, "v1.1.0")
    assert "resolve_release" not in variables
    assert "namaskah_reverse_migrations" not in variables
    reversing = resume.request("production", {"web1": host(kind="rollback", reverse=True)}, "", "eve@desk")
    assert plan.variables(reversing, KNOWN["run"])["namaskah_reverse_migrations"] == "true"
    plain = resume.request("production", {"web1": host(kind="rollback", ref="", tag="")}, "", "eve@desk")
    assert "namaskah_target_tag" not in plan.variables(plain, KNOWN["run"])


def test_the_plan_is_read_where_it_is_known() -> None:
    """A host that lost the run before it was told the commit does not hide it."""
    hosts = {"web1": host(commit="", release="", kind=""), "web2": host()}
    assert resume.request("production", hosts, "", "eve@desk").resumes is not None


@pytest.mark.parametrize(
    ("hosts", "run", "told"),
    [
        ({"web1": {"unfinished": None}}, "", "every host that answered is in a final state"),
        ({"web1": host()}, "another", "unfinished: 20260101T000000Z-0a0a0a0a"),
        ({"web1": host(), "web2": host(run="two")}, "", "two"),
        ({"web1": host(), "web2": host(commit="d" * 40)}, "", f"web2: deploy of {'d' * 40}"),
        ({"web1": host(kind="recover")}, "", "its kind is recover"),
        ({"web1": host(commit="")}, "", "only a deploy or a rollback that has a commit"),
    ],
)
def test_what_cannot_go_on_is_refused_with_the_reason(hosts: dict[str, Any], run: str, told: str) -> None:
    with pytest.raises(Refused) as caught:
        resume.request("production", hosts, run, "eve@desk")
    assert told in str(caught.value)
    assert caught.value.next_step


def test_words_that_hosts_tell_are_checked_like_an_operators() -> None:
    with pytest.raises(Refused):
        resume.request("production", {"web1": host(ref="{{lookup('pipe','id')}}")}, "", "eve@desk")


def test_an_operator_reads_how_far_it_is_and_both_commands() -> None:
    worker = {"pid": 7, "program": "pip", "seconds": 3}
    hosts = {"web1": host(), "web2": host(phase="prepare", switch="", returns_in=None, workers=[worker])}
    text = "\n".join(resume.lines("production", hosts))
    for word in ("run 20260101T000000Z-0a0a0a0a, deploy of v1.1.0, by ada@laptop", "web1: activate: cut off",
                 "returns by itself in 42 s", "at work: pip (pid 7)", "its lease ends in 53 s",
                 "namaskah-deploy resume production --run 20260101T000000Z-0a0a0a0a --yes",
                 "namaskah-deploy abort production --yes"):  # fmt: skip
        assert word in text, text
    assert not list(resume.lines("production", {"web1": {"unfinished": None}}))

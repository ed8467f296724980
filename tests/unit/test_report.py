"""What comes of a run, by recorded streams."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from namaskah_deploy import report
from namaskah_deploy.report import Result
from tests.support.command_line.streams import part
from tests.support.reports import made


@pytest.mark.parametrize(
    ("name", "good"),
    [("ok", True), ("rescued", True)]
    + [(name, False) for name in ("failed", "unreachable", "no_hosts", "bad_argument", "broken")],
)
def test_which_runs_are_good(name: str, good: bool) -> None:
    assert part(name).good is good


def test_a_run_of_which_a_host_was_expected_and_missing_is_not_good() -> None:
    found = part("ok", expected=("web1", "web2", "web3"))
    assert not found.good
    assert found.missing == ("web3",)


def test_a_run_that_came_to_its_end_before_it_could_be_stopped_is_good() -> None:
    assert part("ok", stopped=True).good
    assert not dataclasses.replace(part("ok", stopped=True), code=99).good


def test_a_run_without_hosts_ended_with_code_0_and_is_not_good() -> None:
    found = part("no_hosts", expected=())
    assert (found.code, found.missing) == (0, ())
    assert not found.good
    assert any("Speak to nobody" in line for line in found.lines)


def test_failures_are_those_that_were_not_mended() -> None:
    assert part("rescued").failures == ()
    (failed,) = part("failed").failures
    assert (failed.host, failed.phase, failed.failure.why) == ("web2", "activation", "it answered 500")


def test_results_by_host() -> None:
    assert part("failed").by_host("namaskah_recover") == {
        "web2": {"host": "web2", "state": "nothing", "from": None, "to": None, "why": "", "serving": "old", "notes": []}
    }


def test_reached() -> None:
    assert part("failed").reached("activation")
    assert not part("failed").reached("confirmation", "finish")


def test_facts_of_a_release() -> None:
    assert report.facts(part("ok")) == {"release": "new", "from": "old"}


def test_facts_come_from_the_phases_that_know_them() -> None:
    told: list[tuple[str, dict[str, Any]]] = [
        ("target", {"live": {"release": "r2"}, "target": {"release": "r1"}}),
        ("backup", {"id": "b1", "proof": "pending", "live": {"release": "odd"}}),
        ("backup", {"id": "b1", "proof": "passed"}),
        ("finish", {"id": "odd", "commit": "odd"}),
    ]
    results = tuple(Result("web1", phase, "module", data) for phase, data in told)
    found = report.facts(dataclasses.replace(part("ok"), results=results))
    assert found == {"from": "r2", "to": "r1", "backup": "b1", "backup proof": "passed"}


@pytest.mark.parametrize("first", [0, 1])
def test_files_of_an_application_host_are_not_taken_for_the_database(first: int) -> None:
    """Both hosts back up in the same phase, and either may be done first."""
    both = [
        Result("db1", "backup", "b", {"id": "b1", "proof": "proved", "database": {"name": "shop"}, "archive": {}}),
        Result("app1", "backup", "b", {"id": "b2", "proof": "none", "database": {}, "archive": {"files": 7}}),
    ]
    found = report.facts(dataclasses.replace(part("ok"), results=tuple(both[first:] + both[:first])))
    assert found == {"backup": "b1", "files archived": 7, "backup proof": "proved"}


def test_the_document_is_json_and_says_everything() -> None:
    found = json.loads(json.dumps(report.document(made(part("failed"), part("ok")))))
    assert found["run"] == "run-1"
    assert (found["kind"], found["environment"], found["ref"], found["by"]) == (
        "deploy",
        "production",
        "v2",
        "ada@laptop",
    )
    assert "tag" not in found
    assert found["seconds"] == 90.5
    assert [phase["name"] for phase in found["phases"]][-1] == "recovery"
    assert found["phases"][3]["hosts"] == {"web1": "changed", "web2": "failed"}
    assert found["failures"][0]["failure"] == {
        "class": "unhealthy",
        "what": "the new instance is not healthy",
        "where": "GET /healthz",
        "why": "it answered 500",
        "next": "read the log of the new instance",
    }
    assert found["recovery"]["ansible_exit_code"] == 0

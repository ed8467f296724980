"""Is a fleet that differs within itself or from its records told, and is the exit code then not 0?"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from namaskah_deploy import drift, outcome
from namaskah_deploy.outcome import Code
from namaskah_deploy.report import Result
from namaskah_deploy.request import Kind, Request
from tests.support.command_line.streams import part


def host(commit: str = "a", tag: str = "v1", differs: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"live": {"commit": commit, "tag": tag}, "drift": list(differs)}


BROKEN = "the chain of its journal breaks at record 301, which was damaged or written by hand"
NEW: dict[str, Any] = {"live": None, "drift": []}


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ({"web1": host(), "web2": host()}, []),
        ({"web1": host(), "web2": NEW}, []),
        ({"web1": {**host(), "journal_break": 301}, "web2": {**host(), "journal_break": None}}, [("web1", BROKEN)]),
        ({"web1": host(differs=("a file [drift-files]",))}, [("web1", "a file [drift-files]")]),
        (
            {"web1": host(), "web2": host("b", "v2")},
            [("the hosts", "serve different releases: web1 v1, web2 v2 [drift-hosts]")],
        ),
    ],
)
def test_differences(hosts: dict[str, dict[str, Any]], told: list[tuple[str, str]]) -> None:
    assert [
        (name, line.partition(": look")[0] if "journal" in line else line) for name, line in drift.differences(hosts)
    ] == told
    results = tuple(Result(name, "status", "namaskah_status", state) for name, state in hosts.items())
    asked = dataclasses.replace(part("ok"), results=results)
    judged = outcome.judge(Request(kind=Kind.STATUS, environment="production"), asked, None, tuple(hosts))
    assert judged.code is (Code.CHECKS_FAILED if told else Code.DONE)


@pytest.mark.parametrize(
    ("unfinished", "found", "advice"),
    [
        (None, [], ["repair what differs"]),
        ({"run": "r1"}, [], ["under way"]),
        ({"run": "r1"}, ["settings.py was edited [drift-files]"], ["under way", "repair what differs"]),
    ],
)
def test_hosts_that_differ_in_the_middle_of_a_run_are_no_damage(
    unfinished: Any, found: list[str], advice: list[str]
) -> None:
    """Nobody is told to repair what a rolling release is about to make one; what was done by hand is told as ever."""
    hosts = {
        name: {"live": {"commit": name, "id": name}, "drift": found, "unfinished": unfinished}
        for name in ("one", "two")
    }  # fmt: skip
    results = tuple(Result(name, "status", "namaskah_status", state) for name, state in hosts.items())
    asked = dataclasses.replace(part("ok"), results=results)
    judged = outcome.judge(Request(kind=Kind.STATUS, environment="production"), asked, None, tuple(hosts))
    assert judged.code is Code.CHECKS_FAILED
    assert len(judged.advice) == len(advice)
    assert all(word in line for word, line in zip(advice, judged.advice, strict=True))

"""What an operator is told of a failed task, whichever module it was."""

from __future__ import annotations

from typing import Any

import pytest

from namaskah_deploy import failure
from namaskah_deploy.failure import Failure


def _read(result: dict[str, Any], *, unreachable: bool = False) -> Failure:
    return failure.read(result, host="web1", task="Install the packages", unreachable=unreachable)


def test_our_modules_say_it_themselves() -> None:
    told = {"class": "unhealthy", "what": "the gate", "where": "GET /healthz", "why": "500", "next": "read the log"}
    assert _read({"msg": "long", "failure": told}) == Failure(
        "unhealthy", "the gate", "GET /healthz", "500", "read the log"
    )


def test_a_failure_that_is_told_in_part_is_completed() -> None:
    assert _read({"msg": "it broke", "failure": {"class": "odd"}}) == Failure("failed", "it broke", "web1", "", "")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"msg": "Task failed: Module failed: kaput"}, "kaput"),
        ({"msg": "non-zero return code", "rc": 3, "stderr": "a\nb"}, "non-zero return code\na\nb\nexit code 3"),
        ({"msg": "x", "module_stdout": "boom", "exception": "(traceback unavailable)"}, "x\nboom"),
        ({"msg": ["one", "two"]}, "one; two"),
        ({}, "no reason was given"),
        ({"stdout": "\n".join(str(line) for line in range(40))}, "\n".join(str(line) for line in range(28, 40))),
    ],
)
def test_of_other_modules_the_plainest_fact_is_taken(result: dict[str, Any], why: str) -> None:
    assert _read(result) == Failure("failed", "Install the packages", "web1", why)


def test_wrong_variables_are_named_without_the_words_of_ansible() -> None:
    told = _read(
        {
            "msg": "Validation of arguments failed:\nmissing required arguments: backup_root",
            "argument_errors": ["missing required arguments: backup_root"],
            "validate_args_context": {"name": "backup"},
        }
    )
    assert (told.kind, told.why) == ("refused", "missing required arguments: backup_root")
    assert "role backup" in told.what
    assert "group_vars" in told.next_step


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("Failed to connect to the host via ssh: Host key verification failed.", "known_hosts"),
        (
            "Failed to connect to the host via ssh: ssh: connect to host web1 port 22: Connection refused",
            "ssh web1 true",
        ),
    ],
)
def test_an_unreachable_host_comes_with_advice(message: str, advice: str) -> None:
    told = _read({"msg": message, "unreachable": True}, unreachable=True)
    assert told.kind == "unreachable"
    assert not told.why.startswith("Failed to connect")
    assert advice in told.next_step


def test_a_step_that_took_too_long_timed_out() -> None:
    result = {"msg": "Task failed: Timed out after 60 second(s).", "timedout": {"frame": "see the docs", "period": 60}}
    found = _read(result)
    assert (found.kind, found.why) == ("timeout", "it took longer than 60 s")
    assert "namaskah_step_timeout" in found.next_step

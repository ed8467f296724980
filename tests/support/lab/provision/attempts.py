"""How is a list of sudo commands tried as the deploy user? All in one login, each with its own outcome."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from tests.support.lab.provision.fleet import Fleet

# Runs on the host. Each command is read by a shell, as if typed; an allowed one must not hang the others.
_PROGRAM = """
import json, subprocess, sys
for words in json.loads(sys.argv[1]):
    done = subprocess.run(["sh", "-c", "exec sudo -n " + words], capture_output=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL)
    print(json.dumps([words, done.returncode, done.stdout, done.stderr]))
"""
_REASONS = ("a password is required", "not allowed", "you are not permitted")


class Outcome(NamedTuple):
    """What sudo answered."""

    status: int
    printed: str
    error: str


def try_all(fleet: Fleet, commands: Sequence[str]) -> dict[str, Outcome]:
    """Try each of `commands` (words after `sudo -n`, as a shell reads them) on the application host."""
    answer = fleet.app.ssh(["python3", "-c", _PROGRAM, json.dumps(commands)], user="deploy", timeout=300).stdout
    found = [json.loads(line) for line in answer.splitlines()]
    return {words: Outcome(status, printed, error) for words, status, printed, error in found}


def assert_refused(outcome: Outcome) -> None:
    """Sudo refused by its rules: nothing was run, and it was no other kind of failure."""
    assert (outcome.status, outcome.printed) == (1, ""), outcome
    assert any(reason in outcome.error for reason in _REASONS), outcome

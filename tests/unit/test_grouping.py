"""Are tests that share hosts kept with one worker, and does every group of ours exist?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.grouping import GROUPS, OTHERS, group_of, rank_of

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/lab/test_outcomes.py::test_a[systemd-ledger-broken-start]", "outcomes on systemd"),
        ("tests/lab/test_outcomes.py::test_a[pm2-dashboard]", "outcomes on pm2"),
        ("tests/lab/test_outcomes.py::test_every_tag", "tests/lab/test_outcomes.py"),
        ("tests/lab/test_secrets.py::test_a[app1]", "guarded"),
        ("tests/lab/test_left_at_work.py::test_a", "one fleet"),
        ("tests/lab/provision/test_front.py::test_a", "provisioned"),
        ("tests/lab/provision/test_pm2.py::test_a", "tests/lab/provision/test_pm2.py"),
        ("tests/lab/test_host.py::test_a", "lab"),
        ("tests/lab/test_commands.py::test_a", "tests/lab/test_commands.py"),
        ("tests/museum/test_museum.py::test_a[8e1ebe7-split]", "museum"),
        ("tests/examples/test_servers.py::test_a[x]", "examples"),
        ("tests/unit/test_words.py::test_a[::]", "tests/unit/test_words.py"),
    ],
)
def test_a_group(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_hosts_are_booted_before_short_tests_run() -> None:
    assert rank_of("tests/lab/test_outcomes.py::test_a[pm2]") < rank_of("tests/lab/test_commands.py::test_a")
    assert rank_of("tests/lab/test_commands.py::test_a") < rank_of("tests/unit/test_words.py::test_a")


def test_what_takes_long_begins_from_the_other_end() -> None:
    assert rank_of("tests/unit/test_words.py::test_a") < rank_of("tests/packaging/test_wheel.py::test_a")
    assert rank_of("tests/demo/test_demo.py::test_a") < rank_of("tests/faults/test_runs.py::test_a")
    assert group_of("tests/demo/test_demo.py::test_a") == "tests/demo/test_demo.py"


@pytest.mark.parametrize("pattern", [*GROUPS, *OTHERS])
def test_a_pattern_that_fits_no_file_is_a_mistake(pattern: str) -> None:
    files = [f"tests/{path.relative_to(TESTS)}" for path in TESTS.rglob("test_*.py")]
    assert any(re.match(pattern.partition("::")[0], file) for file in files)

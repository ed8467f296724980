"""Is every injected fault recorded once, as it ended, and does the page claim nothing else?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.default_run import INJECTED
from tests.support.faults import page, record
from tests.support.faults.kinds import GROUPS, KINDS
from tests.support.project import ROOT

SUITE = """
import pytest

@pytest.mark.fault("controller killed", ends="returned")
def test_good(): pass

@pytest.mark.parametrize("case", [1, 2])
@pytest.mark.fault("process stopped", ends="old release")
def test_cases(case): assert case == 1

@pytest.mark.fault("clock wrong", ends="refused")
def test_skipped(): pytest.skip("not here")

@pytest.mark.injects("stale lease")
def test_several(fault_log):
    fault_log.inject("stale lease", ends="cleaned up", split=3)
    fault_log.inject("stale lease", ends="refused")
"""

COLLECT = """
import json, sys
import pytest
from tests.support.default_run import INJECTED

class Kinds:
    found = set()
    def pytest_collection_finish(self, session):
        self.found |= session.config.stash[INJECTED]

status = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[Kinds()])
print(json.dumps(sorted(Kinds.found)))
sys.exit(status)
"""

pytest_plugins = ("pytester",)


def run(pytester: pytest.Pytester, suite: str) -> pytest.RunResult:
    """Run a suite of its own, within this process: another Python would take longer to begin than the suite does."""
    pytester.makeini("[pytest]\nmarkers = fault\n  injects\n")
    pytester.makepyfile(test_small=suite)
    return pytester.runpytest_inprocess(
        "-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "tests.support.faults.plugin"
    )


def test_each_injection_is_recorded_once_as_it_ended(pytester: pytest.Pytester) -> None:
    for _ in range(2):  # the second run replaces the first one's records
        run(pytester, SUITE).assert_outcomes(failed=1, passed=3, skipped=1)
    found = record.read([pytester.path / ".cache" / "faults"])
    told = [(one.kind, one.ended, one.passed, one.split) for one in found]
    assert told == [
        ("controller killed", "returned", True, None),
        ("process stopped", "old release", True, None),
        ("process stopped", "old release", False, None),
        ("stale lease", "cleaned up", True, 3),
        ("stale lease", "refused", True, None),
    ]
    text = page.rendered(found)
    assert "3 kinds, 5 injections" in text
    assert "1 ended otherwise" in text
    assert "**test_cases[2] failed**" in text
    assert "- clock wrong: " in text


@pytest.mark.parametrize(("word", "other"), [("clock wrong", "clock wrnog"), ('ends="returned"', 'ends="well"')])
def test_a_word_that_is_not_known_is_refused(pytester: pytest.Pytester, word: str, other: str) -> None:
    assert run(pytester, SUITE.replace(word, other)).ret == pytest.ExitCode.USAGE_ERROR
    assert not (pytester.path / ".cache").exists()


def test_what_was_promised_and_not_injected_is_a_failure(pytester: pytest.Pytester) -> None:
    done = run(pytester, SUITE.replace('injects("stale lease")', 'injects("stale lease", "clock wrong")'))
    done.assert_outcomes(failed=2, passed=2, skipped=1)
    done.stdout.fnmatch_lines("*it says that it injects clock wrong, and did not*")


def test_every_kind_is_injected_by_the_default_run(pytestconfig: pytest.Config) -> None:
    """What `make test` collects, by the markers of its tests: as this run did, or where it collected less, another."""
    injected = pytestconfig.stash.get(INJECTED, None)
    assert set(KINDS) - (_collected() if injected is None else injected) == set()


def _collected() -> set[str]:
    done = subprocess.run([sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_cut_off_line_is_no_record(tmp_path: Path) -> None:
    one = record.Injection("stale lease", "a::b", 0, "", "refused", True, "2026-01-01", "abc", record.Site(9, 0, 20.0))
    record.append([one], tmp_path)
    with next(tmp_path.iterdir()).open("a") as stream:
        stream.write('{"kind": "stale')
    assert record.read([tmp_path]) == [one]
    assert "9 requests sent, 0 failed, longest gap 20 ms" in page.rendered([one])


def test_no_kind_stands_in_two_groups() -> None:
    assert sum(map(len, GROUPS.values())) == len(KINDS)

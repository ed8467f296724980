"""Is every injected fault recorded once, as it ended, and does the page claim nothing else?"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
from tests.support.faults.plugin import kinds_of

class Kinds:
    found = set()
    def pytest_collection_finish(self, session):
        self.found |= {kind for item in session.items for kind in kinds_of(item)}

status = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[Kinds()])
print(json.dumps(sorted(Kinds.found)))
sys.exit(status)
"""


def run(folder: Path, suite: str) -> subprocess.CompletedProcess[str]:
    """Run a suite of its own, as another process beside this one."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = fault\n  injects\n")
    (folder / "test_small.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.support.faults.plugin"]
    return subprocess.run(
        [*command, f"--rootdir={folder}", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_each_injection_is_recorded_once_as_it_ended(tmp_path: Path) -> None:
    for _ in range(2):  # the second run replaces the first one's records
        done = run(tmp_path, SUITE)
        assert "1 failed, 3 passed, 1 skipped" in done.stdout, done.stdout
    found = record.read([tmp_path / ".cache" / "faults"])
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


def test_a_word_that_is_not_known_is_refused(tmp_path: Path) -> None:
    for suite in (SUITE.replace("clock wrong", "clock wrnog"), SUITE.replace('ends="returned"', 'ends="well"')):
        done = run(tmp_path, suite)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    assert not (tmp_path / ".cache").exists()


def test_what_was_promised_and_not_injected_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, SUITE.replace('injects("stale lease")', 'injects("stale lease", "clock wrong")'))
    assert "2 failed, 2 passed, 1 skipped" in done.stdout, done.stdout
    assert "it says that it injects clock wrong, and did not" in done.stdout


def test_every_kind_is_injected_by_the_default_run() -> None:
    """What `make test` collects, by the markers of its tests."""
    done = subprocess.run([sys.executable, "-c", COLLECT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    injected = set(json.loads(done.stdout.splitlines()[-1]))
    assert set(KINDS) - injected == set()


def test_a_cut_off_line_is_no_record(tmp_path: Path) -> None:
    one = record.Injection("stale lease", "a::b", 0, "", "refused", True, "2026-01-01", "abc", record.Site(9, 0, 20.0))
    record.append([one], tmp_path)
    with next(tmp_path.iterdir()).open("a") as stream:
        stream.write('{"kind": "stale')
    assert record.read([tmp_path]) == [one]
    assert "9 requests sent, 0 failed, longest gap 20 ms" in page.rendered([one])


def test_no_kind_stands_in_two_groups() -> None:
    assert sum(map(len, GROUPS.values())) == len(KINDS)

"""Which faults did a test inject, and how did each end? The marker `fault` and the fixture `fault_log`.

    @pytest.mark.fault("controller killed", ends="old release", where="deploy, switched")
    def test_...(fault_log):
        with load_on(host) as load: ...
        fault_log.site(load.report)          # optional: what the site did meanwhile

A parametrised test is one injection a case (`pytest.param(..., marks=pytest.mark.fault(...))` where the kind differs).
A test that injects several adds each with `fault_log.inject(kind, ends=..., loads=[report])`, and says beforehand which
ones by the marker `injects(kind, ...)`: it fails when it passed without one of them.
Kinds stand in kinds.py; a word that is not there is an error of the test.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from tests.support.faults.kinds import KINDS
from tests.support.faults.record import ENDS, FOLDER, Injection, Site, append
from tests.support.load import Report
from tests.support.project import ROOT

CALL = pytest.StashKey[bool]()
LOG = pytest.StashKey["FaultLog"]()


class FaultLog:
    """What one test says about the faults that it injects."""

    def __init__(self) -> None:
        self.loads: list[Report] = []
        self.end = ""
        self.seconds: float | None = None
        self.further: list[tuple[str, str, str, list[Report], float | None]] = []

    def site(self, *reports: Report | None) -> None:
        """Attach what loads found while the marked fault was there."""
        self.loads += _present(reports)

    def ended(self, how: str) -> None:
        """Say how the marked fault ended, where the marker cannot know it."""
        self.end = _known(how)

    def split(self, seconds: float) -> None:
        """Say for how long (seconds) the hosts' releases differed."""
        self.seconds = seconds

    def inject(
        self,
        kind: str,
        *,
        ends: str,
        where: str = "",
        loads: Iterable[Report | None] = (),
        split: float | None = None,
    ) -> None:
        """Add one injection more, after it ended as stated; the test asserts that by itself."""
        _kind(kind)
        self.further.append((kind, _known(ends), where, _present(loads), split))


def _present(reports: Iterable[Report | None]) -> list[Report]:
    found = list(reports)
    assert None not in found, "a load whose block has not ended has no report yet"
    return [one for one in found if one is not None]


def _known(how: str) -> str:
    if how not in ENDS:
        raise pytest.UsageError(f"{how!r} is no way in which a fault ends; known: {', '.join(ENDS)}")
    return how


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise pytest.UsageError(f"{kind!r} is no kind of fault in tests/support/faults/kinds.py")
    return kind


@pytest.fixture
def fault_log(request: pytest.FixtureRequest) -> FaultLog:
    """The record of the faults that this test injects."""
    return _log(request.node)


def _log(item: pytest.Item) -> FaultLog:
    return item.stash.setdefault(LOG, FaultLog())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test that passed without a fault that it promised by its marker `injects`."""
    result = yield
    missing = _promised(item) - {kind for kind, *_ in _log(item).further}
    if missing:
        pytest.fail(f"it says that it injects {', '.join(sorted(missing))}, and did not", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the records when the test has been torn down: a test that was skipped or not begun injected nothing."""
    report = yield
    if call.when == "call" and not report.skipped:
        item.stash[CALL] = report.passed
    if call.when == "teardown" and CALL in item.stash:
        folder = item.config.rootpath / FOLDER.relative_to(ROOT)
        append(_injections(item, passed=item.stash[CALL] and report.passed), folder)
    return report


def kinds_of(item: pytest.Item) -> set[str]:
    """Return the kinds of faults that a test injects when it passes."""
    return {mark.args[0] for mark in item.iter_markers("fault")} | _promised(item)


def _promised(item: pytest.Item) -> set[str]:
    return {kind for mark in item.iter_markers("injects") for kind in mark.args}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a marker whose words are not known before anything runs."""
    for item in items:
        for kind in _promised(item):
            _kind(kind)
        for mark in item.iter_markers("fault"):
            _kind(mark.args[0])
            _known(mark.kwargs.get("ends", ENDS[0]))


def _injections(item: pytest.Item, *, passed: bool) -> list[Injection]:
    log = _log(item)
    marked = [
        (mark.args[0], log.end or mark.kwargs.get("ends", ""), mark.kwargs.get("where", ""), log.loads, log.seconds)
        for mark in item.iter_markers("fault")
    ]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        Injection(kind, item.nodeid, number, where, end, passed, at, _commit(), _site(loads), split)
        for number, (kind, end, where, loads, split) in enumerate([*marked, *log.further])
    ]


def _site(loads: list[Report]) -> Site | None:
    if not loads:
        return None
    return Site(
        sum(one.sent for one in loads), sum(one.failed for one in loads), max(one.longest_gap_ms for one in loads)
    )


@cache
def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"

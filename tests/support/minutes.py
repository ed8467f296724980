"""How long did each suite take, and is that more than the table in the docs says? `make minutes` writes the table."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.default_run import collects_all
from tests.support.project import ROOT

Parts = Mapping[str, Mapping[str, float]]
"""Seconds of the setup, the call and the teardown of each test."""
PAGE = Path("docs/guides/testing.md")
TIMES = Path(".cache/test-times.json")
PROCESSOR = Path(".cache/test-processor.json")  # seconds of processor of each test
USED = "seconds of processor"
_GROUPS = Path("/sys/fs/cgroup")  # the hosts of the lab run in control groups of their own
WHOLE = Path(".cache/test-times.whole")  # is there where the run that wrote TIMES was one of everything
BEGIN, END = "<!-- minutes -->", "<!-- /minutes -->"
_TABLE = re.compile(f"{BEGIN}\n.*?{END}", re.DOTALL)
_ROW = re.compile(r"^\| (\S+) \| ([0-9.]+) \| \d+ \|$", re.MULTILINE)
_FEWER = ("-k", "-m", "maxfail", "deselect")  # options by which a run leaves out or ends before its end
_ALL = "all"


@dataclass(frozen=True)
class Suite:
    """What the tests of one suite took, which is a folder below tests/; the minutes of tests side by side add up."""

    name: str
    minutes: float
    tests: int


class SuiteMinutes:
    """Adds up the time of each suite, prints it, and keeps the times of each test for the profile."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, float]] = defaultdict(dict)
        self.used: dict[str, float] = defaultdict(float)
        self.meter = ProcessorMeter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send along, in a worker, what the processors did since the last report: for this part of the test."""
        report = yield
        report.user_properties = [*item.user_properties, (USED, self.meter.since_last())]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.parts[report.nodeid][report.when] = report.duration
        self.used[report.nodeid] += sum(float(str(value)) for name, value in report.user_properties if name == USED)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        config = terminalreporter.config
        if not self.parts:
            return
        whole = is_whole(config, exitstatus)
        if not hasattr(config, "workerinput"):
            self._keep(config.rootpath, whole=whole)
        page = config.rootpath / PAGE
        table = table_of(page.read_text(encoding="utf-8")) if whole and page.exists() else {}
        terminalreporter.section("minutes of each suite")
        for line in lines(suites_of(self.parts), table):
            terminalreporter.write_line(line)

    def _keep(self, root: Path, *, whole: bool) -> None:
        (root / TIMES).parent.mkdir(exist_ok=True)
        (root / WHOLE).unlink(missing_ok=True)
        (root / TIMES).write_text(json.dumps(self.parts))
        (root / PROCESSOR).write_text(json.dumps(self.used))
        if whole:
            (root / WHOLE).touch()


class ProcessorMeter:
    """What the processors did for this process: itself, programs that it waited for, its lab's hosts.

    What it starts and does not wait for, a server for example, counts when it ends, and where another program adopts it
    not at all.
    """

    def __init__(self) -> None:
        self._own = _own_seconds()
        self._labs: dict[str, float] = {}

    def since_last(self) -> float:
        """Return the seconds of processor since the last question, or since the meter was made."""
        own, labs = _own_seconds(), _lab_seconds()
        used = own - self._own + sum(seconds - self._labs.get(lab, 0) for lab, seconds in labs.items())
        self._own, self._labs = own, labs  # a lab that is gone takes with it what it used since the last question
        return used


def _own_seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _lab_seconds() -> dict[str, float]:
    """Return the seconds of processor of each lab of this process."""
    labs = {}
    for place in (_GROUPS, _GROUPS / "unified"):
        for stat in place.glob(f"namaskah-lab-run-{os.getpid()}-*/cpu.stat"):
            with contextlib.suppress(OSError):
                labs[stat.parent.name] = int(stat.read_text().split()[1]) / 1e6  # usage_usec comes first
    return labs


def is_whole(config: pytest.Config, status: int) -> bool:
    """Whether this was a default run of everything, which came to its end."""
    ended = status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    return ended and collects_all(config) and not any(config.getoption(name, default=None) for name in _FEWER)


def suites_of(parts: Parts) -> list[Suite]:
    """Return the suites of tests that took these times, the longest first, and then all together."""
    seconds: dict[str, float] = defaultdict(float)
    tests: dict[str, int] = defaultdict(int)
    for nodeid, times in parts.items():
        seconds[_suite(nodeid)] += sum(times.values())
        tests[_suite(nodeid)] += "call" in times
    found = [Suite(name, seconds[name] / 60, tests[name]) for name in seconds]
    every = Suite(_ALL, sum(seconds.values()) / 60, sum(tests.values()))
    return [*sorted(found, key=lambda suite: -suite.minutes), every]


def _suite(nodeid: str) -> str:
    parts = nodeid.split("::", 1)[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]


def lines(suites: list[Suite], table: Mapping[str, float]) -> Iterator[str]:
    """Give a line for each suite; one that took longer than the `table` says, or that is not there, is told so."""
    for suite in suites:
        more = ""
        if table and suite.name not in table:
            more = "  (not in the table)"
        elif table and (grown := round(suite.minutes - table[suite.name], 1)) > 0:
            more = f"  (table: {table[suite.name]:.1f}, +{grown:.1f})"
        yield f"{suite.name:<14} {suite.minutes:7.1f} min  {suite.tests:5} tests{more}"


def table_of(page: str) -> dict[str, float]:
    """Return the minutes of each suite that the table of a page says."""
    found = _TABLE.search(page)
    return {name: float(minutes) for name, minutes in _ROW.findall(found.group())} if found else {}


def with_table(page: str, suites: list[Suite]) -> str:
    """Return the page with the table of these suites between its two comments."""
    rows = "".join(f"| {suite.name} | {suite.minutes:.1f} | {suite.tests} |\n" for suite in suites)
    text = f"{BEGIN}\n| Suite | Minutes | Tests |\n| --- | ---: | ---: |\n{rows}{END}"
    new, count = _TABLE.subn(lambda _: text, page)
    if count != 1:
        raise ValueError(f"the page has not one place between {BEGIN} and {END}")
    return new


def main(root: Path = ROOT) -> int:
    """Write the table anew from the times of the last run, which must have been one of everything."""
    if not (root / WHOLE).exists():
        print("the last run here was none of everything that came to its end: `make test` first", file=sys.stderr)
        return 1
    page = root / PAGE
    suites = suites_of(json.loads((root / TIMES).read_text(encoding="utf-8")))
    page.write_text(with_table(page.read_text(encoding="utf-8"), suites), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

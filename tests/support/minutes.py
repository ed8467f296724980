"""How long did each suite take? Prints their minutes, and keeps the time of each test for the profile."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

import pytest


class SuiteMinutes:
    """Adds up the time of each suite, which is the folder below tests/."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, float]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.parts[report.nodeid][report.when] = report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.parts:
            return
        if not hasattr(terminalreporter.config, "workerinput"):
            folder = terminalreporter.config.rootpath / ".cache"
            folder.mkdir(exist_ok=True)
            (folder / "test-times.json").write_text(json.dumps(self.parts))
        terminalreporter.section("minutes of each suite")
        for line in self._lines():
            terminalreporter.write_line(line)

    def _lines(self) -> Iterator[str]:
        seconds: dict[str, float] = defaultdict(float)
        tests: dict[str, int] = defaultdict(int)
        for nodeid, parts in self.parts.items():
            seconds[_suite(nodeid)] += sum(parts.values())
            tests[_suite(nodeid)] += "call" in parts
        for suite in sorted(seconds, key=seconds.__getitem__, reverse=True):
            yield f"{suite:<14} {seconds[suite] / 60:7.1f} min  {tests[suite]:5} tests"
        yield f"{'all':<14} {sum(seconds.values()) / 60:7.1f} min"


def _suite(nodeid: str) -> str:
    parts = nodeid.split("::", 1)[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]

"""Are the tests of the tests' own tools left out only where these are as they were when they passed?"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.support import stamps
from tests.support.project import ROOT
from tests.support.stamps import FILE, RENEW, TOOLS, Outcomes, Telling, digest, left_out, tool_of, unchanged


@pytest.mark.parametrize("name", TOOLS)
def test_the_stamp_of_each_tool_is_current(name: str) -> None:
    """It fails here and its tests run: a tool that changed has to be proved before what it proves counts."""
    assert name in unchanged(), f"{name} changed since its tests passed: {RENEW}"


@pytest.mark.parametrize("name", TOOLS)
def test_what_a_tool_names_is_there(name: str) -> None:
    for path in (word for kind in TOOLS[name].values() for word in kind):
        assert (ROOT / path).exists()


def small(root: Path) -> None:
    """Lay out every tool below a folder, each of one file, and its test."""
    for tool in TOOLS.values():
        for path in (*tool["files"], *tool["tests"]):
            file = root / path if path.endswith(".py") else root / path / "a.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"# {path}\n")
    (root / FILE).write_text(json.dumps({name: digest(name, root) for name in TOOLS}))


@pytest.mark.parametrize("change", ["content", "name", "further", "test"])
def test_any_change_is_one(tmp_path: Path, change: str) -> None:
    small(tmp_path)
    assert unchanged(tmp_path) == set(TOOLS)
    file = tmp_path / "tests/support/load/a.py"
    if change == "content":
        file.write_text("other")
    elif change == "name":
        file.rename(file.with_name("b.py"))
    elif change == "further":
        file.with_name("data.txt").touch()
    else:
        (tmp_path / "tests/load/a.py").unlink()
    assert unchanged(tmp_path) == set(TOOLS) - {"the load generator"}


def test_what_python_keeps_is_no_change_and_without_stamps_all_are(tmp_path: Path) -> None:
    small(tmp_path)
    (tmp_path / "tests/support/load/__pycache__").mkdir()
    (tmp_path / "tests/support/load/__pycache__/a.pyc").touch()
    assert unchanged(tmp_path) == set(TOOLS)
    (tmp_path / FILE).unlink()
    assert unchanged(tmp_path) == set()


@pytest.mark.parametrize(
    ("nodeid", "tool"),
    [
        ("tests/load/test_cli.py::test_a[x]", "the load generator"),
        ("tests/lab/test_host.py::test_a", "the lab"),
        ("tests/lab/test_faults.py::test_a", ""),
        ("tests/loadx/test_cli.py::test_a", ""),
    ],
)
def test_the_tool_of_a_test(nodeid: str, tool: str) -> None:
    assert tool_of(nodeid) == tool


def test_a_test_stays_that_alone_injects_a_fault() -> None:
    kinds = {
        "tests/load/test_a.py::test_only": {"clock wrong"},
        "tests/load/test_a.py::test_again": {"clock wrong"},
        "tests/load/test_a.py::test_elsewhere": {"disk full"},
        "tests/load/test_a.py::test_none": set[str](),
        "tests/lab/test_host.py::test_changed": {"stale lease"},
        "tests/lab/test_faults.py::test_other": {"disk full"},
    }
    left = left_out(kinds, {"the load generator"})
    assert left == [f"tests/load/test_a.py::test_{name}" for name in ("again", "elsewhere", "none")]
    assert left_out(kinds, set()) == []


def test_a_skipped_test_proves_nothing() -> None:
    def report(nodeid: str, outcome: str, when: str = "call") -> pytest.TestReport:
        return pytest.TestReport(nodeid, ("", 0, ""), {}, outcome, None, when)  # type: ignore[arg-type] # its literals

    found = Outcomes()
    assert not found.good("the lab")
    found.pytest_runtest_logreport(report("tests/lab/test_host.py::test_a", "passed"))
    assert found.good("the lab")
    found.pytest_runtest_logreport(report("tests/load/test_cli.py::test_a", "failed"))
    found.pytest_runtest_logreport(report("tests/lab/test_host.py::test_b", "skipped", "setup"))
    assert not found.good("the lab")
    assert not found.good("the load generator")


SUITE = """
import pytest
from tests.support import stamps

@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    stamps.leave_to_soak(config, items)

def pytest_configure(config):
    config.pluginmanager.register(stamps.Telling())
"""

pytest_plugins = ("pytester",)


@pytest.mark.parametrize(
    ("arguments", "ran", "said"),
    [
        (["-m", "not soak"], 2, True),
        (["-m", "soak"], 2, False),
        (["tests/load"], 1, False),
        (["-m", "not soak", "tests/load/test_a.py"], 1, False),
    ],
)
def test_what_is_unchanged_is_left_to_the_soak_visibly(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: list[str], ran: int, said: bool
) -> None:
    """The lab has changed here, so of its test there is a run by default; the soak runs both."""
    small(pytester.path)
    for name in [name for name in sys.modules if re.match(r"tests\.(examples|lab|load|unit)\.", name)]:
        monkeypatch.delitem(sys.modules, name)  # the real ones, where this run has them
    for file in ("tests/load/test_a.py", "tests/lab/test_host.py", "tests/unit/test_a.py"):
        (pytester.path / file).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / file).write_text("def test_a(): pass\n")
    (pytester.path / FILE).write_text(json.dumps({"the load generator": digest("the load generator", pytester.path)}))
    pytester.makeconftest(SUITE)
    pytester.makeini("[pytest]\nmarkers = soak\ntestpaths = tests\naddopts = --import-mode=importlib\n")
    plain = [*arguments, "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    done = pytester.runpytest_inprocess("-k", "test_a", *plain)
    assert done.ret == pytest.ExitCode.OK
    assert done.parseoutcomes()["passed"] == ran
    assert ("left to the soak: 1 tests of the load generator" in done.stdout.str()) is said


def test_a_worker_tells_its_controller() -> None:
    class Node:
        workeroutput = {"left_out": {"the lab": 3}}  # noqa: RUF012 - as pytest-xdist has it

    telling = Telling()
    telling.pytest_testnodedown(Node())
    assert telling.left == {"the lab": 3}
    telling.pytest_testnodedown(object())  # one that has died
    assert telling.left == {"the lab": 3}


def test_nothing_runs_where_every_stamp_is_current(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stamps, "unchanged", lambda: set(TOOLS))
    assert stamps.main() == 0
    assert "current" in capsys.readouterr().out

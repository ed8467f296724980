"""Are the minutes of each suite told, compared with the table in the docs, and written there on request?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.minutes import BEGIN, END, PAGE, TIMES, WHOLE, Suite, lines, main, suites_of, table_of, with_table
from tests.support.project import ROOT

PARTS = {
    "tests/lab/provision/test_pm2.py::test_a[x::y]": {"setup": 60.0, "call": 500.0, "teardown": 40.0},
    "tests/lab/test_host.py::test_a": {"setup": 138.0},
    "tests/unit/test_words.py::test_a": {"setup": 0.0, "call": 30.0, "teardown": 0.0},
    "tests/test_top.py::test_a": {"call": 6.0},
}
SUITES = [Suite("lab", 12.3, 1), Suite("unit", 0.5, 1), Suite("tests", 0.1, 1), Suite("all", 12.9, 3)]


def text(table: dict[str, float]) -> list[str]:
    return [" ".join(line.split()) for line in lines(SUITES, table)]


def test_the_times_of_a_suite_add_up_and_a_test_that_was_not_called_is_none() -> None:
    assert suites_of(PARTS) == SUITES


def test_growth_is_named() -> None:
    assert text({"lab": 10.1, "unit": 0.5, "tests": 0.2, "all": 10.8}) == [
        "lab 12.3 min 1 tests (table: 10.1, +2.2)",
        "unit 0.5 min 1 tests",
        "tests 0.1 min 1 tests",
        "all 12.9 min 3 tests (table: 10.8, +2.1)",
    ]


def test_a_suite_without_a_row_is_named_and_without_a_table_nothing_is() -> None:
    assert text({"lab": 12.3, "unit": 0.5, "all": 12.9})[2] == "tests 0.1 min 1 tests (not in the table)"
    assert not any("table" in line for line in text({}))


def test_the_table_is_read_as_it_was_written() -> None:
    page = f"before\n\n{BEGIN}\nold\n{END}\n\nafter 1 | 2\n"
    new = with_table(page, SUITES)
    assert table_of(new) == {"lab": 12.3, "unit": 0.5, "tests": 0.1, "all": 12.9}
    assert new.startswith("before\n\n")
    assert new.endswith("\n\nafter 1 | 2\n")
    assert with_table(new, SUITES) == new
    assert table_of("a page without one") == {}
    with pytest.raises(ValueError, match="not one place"):
        with_table("a page without one", SUITES)


def test_the_page_has_a_place_for_the_table() -> None:
    assert with_table((ROOT / PAGE).read_text(), SUITES)


def test_only_a_whole_run_is_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / PAGE).parent.mkdir(parents=True)
    (tmp_path / PAGE).write_text(f"{BEGIN}\n{END}\n")
    (tmp_path / TIMES).parent.mkdir()
    (tmp_path / TIMES).write_text(json.dumps(PARTS))
    assert main(tmp_path) == 1
    assert "make test" in capsys.readouterr().err
    (tmp_path / WHOLE).touch()
    assert main(tmp_path) == 0
    assert table_of((tmp_path / PAGE).read_text())["lab"] == 12.3


pytest_plugins = ("pytester",)
PLUGIN = """
from tests.support.minutes import SuiteMinutes

def pytest_configure(config):
    config.pluginmanager.register(SuiteMinutes())
"""


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [((), True), (("-k", "test_a"), False), (("-m", "not soak"), False), (("-x",), False), (("tests/unit",), False)],
)
def test_growth_is_told_of_a_whole_run_and_fails_nothing(
    pytester: pytest.Pytester, arguments: tuple[str, ...], whole: bool
) -> None:
    (pytester.path / "tests/unit").mkdir(parents=True)
    (pytester.path / "tests/unit/test_a.py").write_text("def test_a(): pass\n")
    (pytester.path / PAGE).parent.mkdir(parents=True)
    (pytester.path / PAGE).write_text(with_table(f"{BEGIN}\n{END}\n", [Suite("lab", 1, 1)]))
    pytester.makeconftest(PLUGIN)
    pytester.makeini("[pytest]\nmarkers = soak\ntestpaths = tests\n")
    done = pytester.runpytest_inprocess(*arguments, "-p", "no:cacheprovider", "-p", "no:faulthandler")
    assert done.ret == pytest.ExitCode.OK
    assert ("(not in the table)" in done.stdout.str()) is whole
    assert (pytester.path / WHOLE).exists() is whole
    assert (pytester.path / TIMES).exists()

"""Is the report of the checks read as pytest means it, and is a report that proves nothing never good?"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.namaskah_observer.report import Finding, complaints, read, summarise

GOOD = Finding("app1", "disk", "disk is left", "", 10)
BAD = Finding("app1", "layout", "modes", "has mode 777", 20)


def case(body: str, name: str = "test_disk_is_left[ansible://app1]") -> str:
    properties = '<properties><property name="host" value="app1"/><property name="group" value="disk"/></properties>'
    return f'<testcase name="{name}" time="0.010">{properties}{body}</testcase>'


def finding(folder: Path, *cases: str) -> list[Finding]:
    path = folder / "report.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return read(path)


def test_a_passed_check(tmp_path: Path) -> None:
    assert finding(tmp_path, case("")) == [Finding("app1", "disk", "disk is left", "", 10)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('<failure message="AssertionError: 3 % are free&#10;assert 3 &gt;= 5"/>', "3 % are free"),
        ('<error message="failed on setup with &quot;AssertionError: no link&quot;"/>', "no link"),
        ('<skipped message="not today"/>', "not today"),
        ("<failure>only text</failure>", "only text"),
        ("<failure/>", "failure"),
    ],
)
def test_what_did_not_pass_has_a_reason(tmp_path: Path, body: str, reason: str) -> None:
    assert [found.reason for found in finding(tmp_path, case(body))] == [reason]


def test_output_of_a_passed_check_is_no_failure(tmp_path: Path) -> None:
    assert finding(tmp_path, case("<system-out>FAILED</system-out>"))[0].reason == ""


def test_an_error_of_the_checks_belongs_to_no_host(tmp_path: Path) -> None:
    assert (
        finding(tmp_path, '<testcase name="tests.hosts.test_x" time="0"><error message="collection"/></testcase>') == []
    )


@pytest.mark.parametrize("content", [None, "", "<testsuites><testsuite><testcase"])
def test_a_report_that_is_missing_or_cut_off_has_no_findings(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "report.xml"
    if content is not None:
        path.write_text(content)
    assert read(path) == []


def test_the_summary_counts_per_host() -> None:
    result = summarise([GOOD, BAD], ["app1", "app2"])
    assert result["hosts"]["app1"] == {"passed": 1, "failed": 1, "groups": ["disk", "layout"], "seconds": 0.03}
    assert (result["passed"], result["failed"]) == (1, 1)
    assert result["failures"] == [{"host": "app1", "check": "modes", "reason": "has mode 777"}]
    assert list(complaints(result)) == [("app1", "modes: has mode 777"), ("app2", "no check passed here")]


def test_a_host_without_a_passed_check_speaks_against_the_fleet() -> None:
    assert list(complaints(summarise([], ["app1"]))) == [("app1", "no check passed here")]
    assert list(complaints(summarise([GOOD], ["app1"]))) == []

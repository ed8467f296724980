"""Is each wrong payment found: lost, executed twice, executed without an answer, and a ledger that cannot be read?"""

from __future__ import annotations

from tests.support.load.ledger import judge_ledger
from tests.support.load.trial_runs import load, only
from tests.support.load.trial_site import Plan, faulty, running


def at_payment(fault: str) -> Plan:
    return faulty(fault, [7], at="/api/payments")


def test_an_execution_without_an_answer_is_a_failed_request_and_listed() -> None:
    with running(at_payment("executed unanswered")) as site:
        report = load(only(site, "payment"))
    assert report.kinds["payment"].failed == 1
    assert report.ledger.unacknowledged == 1
    assert report.ledger.unacknowledged_keys[0].endswith("-7")
    assert report.failed == 1


def test_an_execution_that_happened_twice_fails() -> None:
    with running(at_payment("twice")) as site:
        report = load(only(site, "payment"))
    assert report.kinds["payment"].failed == 0
    assert report.ledger.duplicates == 1
    assert report.ledger.duplicate_keys[0].endswith("-7")
    assert report.failed == 1
    assert "more than once" in str(report)


def test_an_acknowledged_payment_that_was_not_executed_fails() -> None:
    with running(at_payment("lost")) as site:
        report = load(only(site, "payment"))
    assert report.kinds["payment"].failed == 0
    assert report.ledger.missing_keys[0].endswith("-7")
    assert report.failed == 1


def test_the_answer_to_a_repetition_shows_that_somebody_sent_it_twice() -> None:
    with running(at_payment("replayed")) as site:
        report = load(only(site, "payment"))
    assert report.kinds["payment"].errors == {"status 200": 1}


def test_a_ledger_that_cannot_be_read_is_no_pass() -> None:
    with running(faulty("503", at="/api/ledger")) as site:
        report = load(only(site, "payment"))
    assert report.kinds["payment"].failed == 0
    assert not report.ledger.checked
    assert "503" in report.ledger.error
    assert report.failed == 1


def test_reading_the_ledger_is_tried_again() -> None:
    with running(faulty("502", [1], at="/api/ledger")) as site:
        report = load(only(site, "payment"))
    assert report.failed == 0, report
    assert report.ledger.checked


def test_sets_are_compared_by_count() -> None:
    found = judge_ledger(["a", "b", "b", "c", "x"], sent={"a", "b", "c", "d", "e"}, acknowledged={"a", "b", "d"})
    assert found.missing_keys == ["d"]
    assert found.duplicate_keys == ["b"]
    assert found.unacknowledged_keys == ["c"]
    assert found.unknown_keys == ["x"]
    assert found.failed == 3

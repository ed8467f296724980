"""Are connections that the server closes between requests handled as by a browser, and never hidden?"""

from __future__ import annotations

from tests.support.load.trial_runs import load, only
from tests.support.load.trial_site import EVERY_FIFTH, faulty, running


def test_a_used_connection_closed_under_a_request_is_asked_again_once_and_counted() -> None:
    # The server reads the request and then closes without a byte of an answer; a new connection gets one.
    with running(faulty("drop used", EVERY_FIFTH)) as site:
        report = load(only(site, "keepalive", keepalive_connections=1))
    assert report.failed == 0, report
    assert report.keepalive.reused_closed == site.faults["drop"] > 2


def test_a_new_connection_that_is_closed_is_a_failure() -> None:
    with running(faulty("drop")) as site:
        report = load(only(site, "keepalive"))
    assert report.kinds["keepalive"].failed == report.kinds["keepalive"].sent > 10
    assert report.keepalive.reused_closed == 0


def test_the_second_try_is_not_tried_again() -> None:
    with running(faulty("drop", [5, 6])) as site:
        report = load(only(site, "keepalive", rate=8.0, keepalive_connections=1))
    assert report.kinds["keepalive"].failed == 1
    assert report.keepalive.reused_closed == 1


def test_a_close_seen_while_idle_is_counted_apart() -> None:
    # "late close": a good answer that promises to keep the connection, which then is closed.
    with running(faulty("late close", EVERY_FIFTH)) as site:
        report = load(only(site, "keepalive", rate=12.0, keepalive_connections=1))
        closed = site.faults["late close"]
    assert report.failed == 0, report
    # The last one may have been closed when nothing was to be sent any more.
    assert report.keepalive.idle_closed in (closed, closed - 1)
    assert closed > 1
    assert report.keepalive.reused_closed == 0


def test_a_payment_is_never_asked_again() -> None:
    with running(faulty("drop", EVERY_FIFTH)) as site:
        report = load(only(site, "payment"))
        asked = site.counts["/api/payments"]
    assert report.kinds["payment"].sent == asked
    assert report.kinds["payment"].failed == asked // 5

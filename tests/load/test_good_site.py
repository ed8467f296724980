"""Does a site that works get 0 failed, with every kind of client having done something?"""

from __future__ import annotations

from tests.support.load.trial_runs import load, only, settings
from tests.support.load.trial_site import faulty, running


def test_nothing_fails_and_every_kind_was_at_work() -> None:
    with running() as site:
        report = load(settings(site, seconds=2.0, websockets=3))
    assert report.failed == 0, report
    assert set(report.kinds) == {"get", "keepalive", "payment", "slow", "static", "websocket"}
    assert all(kind.ok > 0 and kind.sent == kind.ok for kind in report.kinds.values()), str(report)
    assert report.websockets.opened == 3
    assert report.websockets.closed == 0


def test_a_kind_that_did_nothing_is_no_pass() -> None:
    with running() as site:
        report = load(settings(site, seconds=0.01, websockets=0))
    assert report.silent
    assert report.failed == len(report.silent)
    assert "nothing was sent of" in str(report)


def test_the_rate_is_kept() -> None:
    with running() as site:
        report = load(only(site, "get", rate=100.0, seconds=2.0))
    assert 95 <= report.kinds["get"].sent / report.seconds <= 100.5  # its time may be longer on a busy machine


def test_the_rate_is_kept_while_the_answers_are_slow() -> None:
    with running() as site:
        report = load(only(site, "slow", rate=20.0, seconds=1.0))
    assert 19 <= report.kinds["slow"].ok <= 21
    assert report.kinds["slow"].p50_ms >= 500


def test_every_payment_is_in_the_ledger_over_several_pages() -> None:
    with running() as site:
        site.ledger = [f"of-somebody-else-{number}" for number in range(70)]
        report = load(only(site, "payment", rate=60.0))
        executed = len(site.ledger) - 70
    assert report.ledger.checked
    assert report.ledger.acknowledged == report.ledger.executed == executed == report.kinds["payment"].ok > 40
    assert report.failed == 0


def test_keep_alive_connections_are_used_again_and_all_of_them() -> None:
    with running() as site:
        report = load(only(site, "keepalive", rate=60.0, keepalive_connections=5))
    assert 5 <= report.keepalive.opened < 15
    assert report.kinds["keepalive"].ok > 50
    assert report.keepalive.reused_closed == report.keepalive.idle_closed == 0


def test_chunked_answers_are_read_to_their_end_and_keep_the_connection() -> None:
    with running(faulty("chunked")) as site:
        report = load(only(site, "keepalive", keepalive_connections=1))
    assert report.failed == 0, report
    assert report.keepalive.opened < 5


def test_a_switch_is_seen_with_its_time() -> None:
    with running() as site:

        def switch(_route: str, number: int) -> str:
            site.release = "r2" if number > 30 else "r1"
            return ""

        site.plan = switch
        report = load(only(site, "get", rate=50.0))
    assert report.release_sequence == ["r1", "r2"]
    assert 0.5 < report.releases[1][0] < 1.0
    assert report.release_counts["r1"] == 30

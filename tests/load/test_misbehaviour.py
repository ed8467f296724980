"""Is every kind of misbehaviour of a site found, counted, and named for what it is?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.load import StaticFile
from tests.support.load.trial_runs import PROFILE, load, only
from tests.support.load.trial_site import EVERY, EVERY_FIFTH, faulty, running


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", "no answer"),
        ("reset", "no answer"),
        ("reset in body", "short body"),
        ("reset in chunks", "short body"),
        ("short", "short body"),
        ("short chunks", "short body"),
        ("garbage", "bad response"),
        ("hang", "time-out"),
        ("500", "status 500"),
        ("502", "status 502"),
        ("503", "status 503"),
        ("404", "status 404"),
        ("301", "status 301"),
    ],
)
@pytest.mark.parametrize("kind", ["get", "keepalive"])
def test_each_bad_answer_is_counted(kind: str, fault: str, error: str) -> None:
    with running(faulty(fault, EVERY_FIFTH, at="/healthz")) as site:
        report = load(only(site, kind, rate=50.0, seconds=0.5, request_timeout=0.5, keepalive_connections=1))
        bad = site.faults[fault]
    found = report.kinds[kind]
    asked_again = report.keepalive.reused_closed if kind == "keepalive" and error == "no answer" else 0
    assert bad > 1
    assert found.failed + asked_again == bad, report
    assert found.errors == ({error: found.failed} if found.failed else {})
    assert found.sent == found.ok + found.failed


def test_a_failure_says_when_what_and_how_the_answer_began() -> None:
    with running(faulty("502", EVERY_FIFTH, at="/healthz")) as site:
        report = load(only(site, "get"))
    first = report.failures[0]
    assert (first.kind, first.path, first.error, first.status) == ("get", "/healthz", "status", 502)
    assert "502 from the proxy" in first.body
    assert 0.1 < first.at < 0.5
    assert "502 from the proxy" in str(report)


def test_a_redirection_says_where_to() -> None:
    with running(faulty("301", EVERY_FIFTH, at="/healthz")) as site:
        report = load(only(site, "get"))
    assert "/elsewhere" in report.failures[0].detail


def test_only_the_first_failures_are_kept_but_all_are_counted() -> None:
    with running(faulty("500")) as site:
        report = load(only(site, "get", rate=60.0))
    assert len(report.kinds["get"].failures) == 20
    assert report.kinds["get"].failed > 50


def test_a_refused_connection_is_counted() -> None:
    with running() as site:
        wanted = only(site, "get")
        site.stop_listening()
        report = load(wanted)
    assert report.kinds["get"].errors == {"refused": report.kinds["get"].sent}
    assert report.failed > 10


def test_another_site_that_answers_200_is_not_taken_for_the_application() -> None:
    with running() as site:
        site.release = ""
        report = load(only(site, "get"))
    assert report.kinds["get"].errors == {"wrong content": report.kinds["get"].sent}


def test_a_slow_request_that_is_cut_is_counted() -> None:
    with running(faulty("drop", EVERY_FIFTH, at="/api/slow")) as site:
        report = load(only(site, "slow", rate=20.0))
    assert report.kinds["slow"].failed == site.faults["drop"] > 2


def test_a_slow_request_that_is_not_slow_proves_nothing() -> None:
    with running(faulty("early")) as site:
        report = load(only(site, "slow", rate=10.0))
    assert report.kinds["slow"].errors == {"too early": report.kinds["slow"].sent}


def test_more_requests_under_way_than_allowed_are_failures_not_silence() -> None:
    with running(faulty("hang")) as site:
        report = load(only(site, "get", rate=50.0, max_in_flight=10, request_timeout=0.5))
    assert report.kinds["get"].errors["own limit"] > 20
    assert report.kinds["get"].sent >= 48


def test_an_asset_of_an_old_page_that_vanishes_is_found() -> None:
    with running() as site:

        def vanish(route: str, number: int) -> str:
            if route == "/static/app.111.js" and number == 3:
                del site.files["/static/app.111.js"]
            return ""

        site.plan = vanish
        report = load(only(site, "static"))
    assert report.assets == 2
    assert report.kinds["static"].errors.keys() == {"status 404"}
    assert report.failures[0].path == "/static/app.111.js"


def test_a_static_file_with_other_content_is_found() -> None:
    with running() as site:
        wrong = replace(PROFILE, pages=(), static=(StaticFile("/static/app.111.js", "0" * 64),))
        report = load(only(site, "static", profile=wrong))
    assert report.kinds["static"].errors.keys() == {"wrong content"}


def test_a_pause_of_the_whole_site_is_the_longest_gap() -> None:
    with running(faulty("drop", range(20, 40))) as site:
        report = load(only(site, "get", rate=50.0))
    assert 380 <= report.longest_gap_ms <= 900
    assert 0.2 < report.gap_at < 0.7
    assert report.longest_gap_ms == report.kinds["get"].longest_gap_ms


def test_silence_until_the_end_counts_as_a_gap() -> None:
    with running(faulty("500", EVERY[25:])) as site:
        report = load(only(site, "get", rate=50.0))
    assert 400 <= report.longest_gap_ms <= 700

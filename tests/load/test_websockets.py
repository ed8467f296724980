"""Is each thing that can happen to a WebSocket found: refused, closed, cut, mute, too long away?"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.load.trial_runs import load, sockets
from tests.support.load.trial_site import Site, faulty, running

if TYPE_CHECKING:
    from collections.abc import Callable


def later(seconds: float, work: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


def when_open(site: Site, clients: int, seconds: float, work: Callable[[], object]) -> None:
    """Do `work` so many seconds after the site has had that many handshakes; a slow machine needs its time for them."""

    def wait() -> None:
        end = time.monotonic() + 10
        while site.counts["websocket"] < clients and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(seconds)
        work()

    later(0, wait)


@pytest.mark.parametrize("code", [1001, 1006, 1012])
def test_a_close_is_no_failure_when_the_client_is_back_in_time(code: int) -> None:
    with running() as site:
        when_open(site, 4, 0.3, lambda: site.close_sockets(code))
        report = load(sockets(site, seconds=2.0))
    assert report.failed == 0, report
    found = report.websockets
    assert found.codes == {str(code): 4}
    assert (found.opened, found.closed, found.back, found.back_in_time) == (8, 4, 4, 4)
    assert found.share_back == 1.0
    assert 0 < found.slowest_back_ms < 3000


def test_a_refused_handshake_at_the_start_fails() -> None:
    with running(faulty("refuse")) as site:
        report = load(sockets(site))
    assert report.kinds["websocket"].errors.keys() == {"handshake 403"}
    assert report.websockets.opened == 0
    assert report.failed >= 4


def test_a_refusal_within_the_allowed_time_is_counted_but_no_failure() -> None:
    with running() as site:

        def restart() -> None:
            site.refuse_sockets = True
            site.close_sockets(1012)
            later(1.2, lambda: setattr(site, "refuse_sockets", False))

        when_open(site, 4, 0.3, restart)
        report = load(sockets(site, seconds=3.0))
    assert report.failed == 0, report
    assert report.websockets.refused_while_away > 0
    assert report.websockets.share_back == 1.0


def test_a_client_that_is_not_back_in_time_fails_once() -> None:
    with running() as site:

        def outage() -> None:
            site.refuse_sockets = True
            site.close_sockets(1012)

        when_open(site, 4, 0.3, outage)
        report = load(sockets(site, seconds=3.0, back_within=1.0))
    assert report.kinds["websocket"].errors == {"not back": 4}
    assert report.websockets.share_back == 0.0


def test_a_late_return_is_counted_as_such() -> None:
    with running() as site:

        def outage() -> None:
            site.refuse_sockets = True
            site.close_sockets(1012)
            later(2.0, lambda: setattr(site, "refuse_sockets", False))

        when_open(site, 4, 0.3, outage)
        report = load(sockets(site, seconds=4.5, back_within=1.0))
    assert report.kinds["websocket"].errors == {"not back": 4}
    assert (report.websockets.back, report.websockets.back_in_time) == (4, 0)
    assert report.websockets.slowest_back_ms > 2000


def test_a_close_just_before_the_end_must_be_followed_by_a_return() -> None:
    with running() as site:

        def outage() -> None:
            site.refuse_sockets = True
            site.close_sockets(1012)

        later(0.9, outage)
        report = load(sockets(site, seconds=1.0, back_within=1.0))
    assert report.kinds["websocket"].errors == {"not back": 4}


def test_a_mute_server_fails() -> None:
    with running(faulty("mute", [1, 2])) as site:
        report = load(sockets(site, clients=2, seconds=2.5, websocket_timeout=0.5))
    assert report.kinds["websocket"].errors == {"time-out": 2}
    assert report.websockets.codes == {"no reply": 2}
    assert report.websockets.back == 2


def test_a_connection_cut_again_before_it_answers_is_still_away() -> None:
    with running(faulty("mute", range(5, 9))) as site:
        when_open(site, 4, 0.3, lambda: site.close_sockets(1012))
        when_open(site, 8, 1.2, lambda: site.close_sockets(1012))
        report = load(sockets(site, seconds=3.5))
    assert report.failed == 0, report
    assert (report.websockets.closed, report.websockets.back) == (4, 4)
    assert report.websockets.codes == {"1012": 8}
    assert report.websockets.slowest_back_ms > 1000


def test_a_server_that_is_gone_is_refused_by_name() -> None:
    with running() as site:
        wanted = sockets(site, clients=1, seconds=0.5)
        site.stop_listening()
        report = load(wanted)
    assert report.kinds["websocket"].errors.keys() == {"refused"}

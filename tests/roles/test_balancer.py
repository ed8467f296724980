"""Is a balancer told only what may be told, and believed only when it shows the same for a while?"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_balancer import nginx, story, upstream
from ansible.module_utils.namaskah_balancer.haproxy import HAProxy
from ansible.module_utils.namaskah_balancer.hook import Hook
from ansible.module_utils.namaskah_balancer.view import View
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.absence import report_absence

SERVERS = """\
# web hosts
server 10.0.0.11:80 max_fails=1 fail_timeout=2s;
  server 10.0.0.12:80 down;  # broken fan
server 10.0.0.1:80;
#server 10.0.0.13:80;
"""
IN = View(wanted=True, healthy=True, sessions=2, others=1, words="UP")
DRAINING = replace(IN, wanted=False, healthy=False)
DRAINED = replace(DRAINING, sessions=0)
DOWN = replace(IN, healthy=False, words="DOWN L7STS", faulty=True)
BOUNDS = story.Bounds(drain=1.5, close=False, back=1.5)


@dataclass
class Script:
    """A balancer that shows one view after another, the last one for ever."""

    views: list[View]
    looks: int = field(default=0)

    def see(self) -> View:
        self.looks += 1
        return self.views.pop(0) if len(self.views) > 1 else self.views[0]

    def take_out(self) -> None:
        """Nothing: the views say what came of it."""

    def put_back(self) -> None:
        """Nothing: the views say what came of it."""


def test_a_mark_changes_one_line_and_comes_off_without_a_trace() -> None:
    marked = upstream.marked(SERVERS, "10.0.0.11:80", down=True)
    assert "server 10.0.0.11:80 max_fails=1 fail_timeout=2s down;" in marked
    assert marked.splitlines()[2:] == SERVERS.splitlines()[2:]
    assert upstream.marked(marked, "10.0.0.11:80", down=True) == marked
    assert upstream.marked(marked, "10.0.0.11:80", down=False) == SERVERS


def test_only_lines_that_nginx_reads_count() -> None:
    found = upstream.servers(SERVERS)
    assert [(server.address, server.wanted) for server in found] == [
        ("10.0.0.11:80", True),
        ("10.0.0.12:80", False),
        ("10.0.0.1:80", True),
    ]


def test_connections_are_counted_by_their_far_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        assert nginx.open_connections(place) == 0
        with socket.create_connection(listener.getsockname()), socket.create_connection(other.getsockname()):
            assert nginx.open_connections(place) == 1
        assert nginx.open_connections(place) == 0


def test_connections_over_ipv6_count_as_well() -> None:
    if not socket.has_dualstack_ipv6():
        report_absence("no IPv6 here")
    with (
        socket.create_server(("::1", 0), family=socket.AF_INET6) as listener,
        socket.create_connection(listener.getsockname()[:2]),
    ):
        assert nginx.open_connections(f"[::1]:{listener.getsockname()[1]}") == 1


def test_the_last_healthy_server_does_not_leave() -> None:
    with pytest.raises(Failure) as caught:
        story.look(Script([replace(IN, others=0)]), "web1")
    assert caught.value.kind == "refused"
    story.look(Script([replace(DRAINED, others=0)]), "web1")  # it is out already: nothing is taken away


def test_one_quiet_moment_is_not_drained() -> None:
    balancer = Script([DRAINING, DRAINED, DRAINING, *[DRAINED] * story.CALM])
    assert story.await_drained(balancer, "web1", BOUNDS).drained
    assert balancer.looks == 3 + story.CALM


def test_sessions_that_stay_are_named_and_go_on_only_where_that_was_said() -> None:
    with pytest.raises(Failure, match="2 sessions open") as caught:
        story.await_drained(Script([DRAINING]), "web1", BOUNDS)
    assert caught.value.kind == "timeout"
    assert story.await_drained(Script([DRAINING]), "web1", replace(BOUNDS, close=True)).sessions == 2


def test_a_balancer_that_goes_on_sending_is_a_failure_even_then() -> None:
    with pytest.raises(Failure, match="UP"):
        story.await_drained(Script([IN]), "web1", replace(BOUNDS, close=True))


@pytest.mark.parametrize(("shown", "kind"), [(DOWN, "unhealthy"), (replace(DOWN, faulty=False), "timeout")])
def test_a_host_that_is_not_healthy_there_is_not_back(shown: View, kind: str) -> None:
    with pytest.raises(Failure, match="DOWN L7STS") as caught:
        story.await_health(Script([shown]), "web1", BOUNDS)
    assert caught.value.kind == kind


def test_no_word_of_an_inventory_becomes_a_command_of_haproxy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no name") as caught:
        HAProxy(str(tmp_path / "socket"), "shop", "web1 state ready; disable frontend public").take_out()
    assert caught.value.kind == "refused"


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file") as caught:
        HAProxy(str(tmp_path / "socket"), "shop", "web1").see()
    assert "stats socket" in caught.value.next_step


def hook(word: str) -> Hook:
    say = (sys.executable, "-c", f"print({word!r})")
    return Hook(leave=say, come_back=say, state=say, server="web1", timeout=20)


def test_the_word_of_a_command_decides() -> None:
    assert hook("drained since noon").see().drained
    assert hook("healthy").see().healthy
    assert hook("draining").see().sessions
    assert hook("unhealthy 503").see().faulty
    with pytest.raises(Failure, match="'fine'"):
        hook("fine").see()

"""Does each listening service answer on its own socket or port, naming the live release?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, health_of, listens_on, run_python, stats
from .programs import ASK

LONGEST = 107  # bytes of a unix socket's path (unix(7), sun_path)
with_sockets = pytest.mark.applies(when=lambda contract: listens_on(contract, "socket"))
with_ports = pytest.mark.applies(when=lambda contract: listens_on(contract, "port"))


def check_health(host: Host, contract: dict[str, Any], live: Live, name: str, place: str) -> None:
    """Ask one service where it listens."""
    service = live.services[name]
    health = health_of(contract, service)
    status, told = run_python(host, contract, ASK, service["listen"], place, health["path"], health["host"])
    assert status == health["status"], f"{name} answers {status} to GET {health['path']} at {place}"
    key = health["release_key"]
    assert not key or (isinstance(told, dict) and told.get(key) == live.id), f"{name} does not run {live.id}"


@with_sockets
def test_sockets_belong_to_the_application(host: Host, contract: dict[str, Any], live: Live) -> None:
    """A socket of another owner is somebody else's."""
    paths = [f"{contract['runtime']}/{live.instance}/{name}.sock" for name in live.listening("socket")]
    for socket in stats(host, *paths).values():
        socket.must_be("socket", contract["app_user"], 0)
        assert len(socket.path) <= LONGEST


@with_sockets
def test_sockets_answer(host: Host, contract: dict[str, Any], live: Live) -> None:
    """By the path that the server bound, and by the one that the front uses."""
    for name in live.listening("socket"):
        check_health(host, contract, live, name, f"{contract['runtime']}/{live.instance}/{name}.sock")
        check_health(host, contract, live, name, f"{contract['root']}/current/run/{name}.sock")


@with_ports
def test_ports_answer(host: Host, contract: dict[str, Any], live: Live) -> None:
    """On the port of the live instance."""
    for name, service in live.listening("port").items():
        check_health(host, contract, live, name, str(service["ports"][live.instance]))

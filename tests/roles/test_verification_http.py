"""Does an HTTP check see every way in which an answer can be wrong, and say which?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_checks.asking import http_check
from ansible.module_utils.namaskah_checks.outcome import CheckFailed, Patience, run_checks
from ansible.module_utils.namaskah_checks.stream import Address, parse_address
from ansible.module_utils.namaskah_checks.words import read_http

from tests.support.verification.address import address_of
from tests.support.verification.server import RELEASE, TcpServer, UnixServer, on_tcp, on_unix, serving


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TcpServer | UnixServer]:
    with serving(on_tcp() if request.param == "tcp" else on_unix(tmp_path / "web.sock")) as running:
        yield running


def ask(server: TcpServer | UnixServer, path: str, timeout: float = 0.5, **words: Any) -> str:
    (read,) = read_http([{"name": "it", "path": path, **words}])
    return http_check(read, address_of(server), RELEASE, timeout, "front").ask()


GOOD: list[tuple[str, dict[str, Any]]] = [
    ("/ok", {}),
    ("/ok", {"json": {"release": "{release}", "database": {"ok": True}}}),
    ("/page", {"contains": "Übersicht", "answer_headers": {"Content-Type": "text/html"}}),
    ("/chunked", {"contains": "hello world"}),
    ("/moved", {"status": 301, "answer_headers": {"location": "https://shop.example/moved/"}}),
    ("/bad-gateway", {"status": 502}),
]


@pytest.mark.parametrize(("path", "words"), GOOD)
def test_a_right_answer_passes(server: TcpServer, path: str, words: dict[str, Any]) -> None:
    assert path in ask(server, path, **words)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("/moved", {}, "answered 301 Moved Permanently and sends to https://shop.example/moved/; 200 was expected"),
    (
        "/bad-gateway",
        {},
        "answered 502 Bad Gateway; 200 was expected; body begins '<html> <head><title>502 Bad Gateway",
    ),
    ("/bad-gateway", {}, "the front cannot reach the application"),
    ("/ok", {"status": 404}, "answered 200 OK; 404 was expected"),
    ("/page", {"contains": "Dashboard"}, "the body does not contain 'Dashboard'; body begins '<h1>Übersicht</h1>'"),
    ("/page", {"json": {"release": "x"}}, "the body is no JSON"),
    ("/ok", {"json": {"release": "another"}}, f"'release' is '{RELEASE}', not 'another'"),
    ("/ok", {"json": {"database": {"ok": False}}}, "in 'database': 'ok' is True, not False"),
    ("/ok", {"json": {"version": 1}}, "the key 'version' is missing"),
    (
        "/ok",
        {"answer_headers": {"Strict-Transport-Security": "max-age"}},
        "the header Strict-Transport-Security is None",
    ),
    ("/ok", {"answer_headers": {"Content-Type": "text/html"}}, "is 'application/json', without 'text/html'"),
    ("/truncated", {}, "the answer was cut off after 9 bytes, 91 bytes more were announced"),
    ("/truncated-chunk", {}, "the answer was cut off"),
    ("/closes", {}, "closed the connection without an answer"),
    ("/garbage", {}, "does not speak HTTP"),
    ("/slow", {}, "no complete answer within 0.5 s"),
    ("/trickle", {}, "no complete answer within 0.5 s"),
    ("/endless", {}, "no complete answer within 0.5 s"),
    ("/endless-trailers", {}, "no complete answer within 0.5 s"),
]


@pytest.mark.parametrize(("path", "words", "reason"), BAD)
@pytest.mark.fault("front: wrong answer", ends="found")
def test_a_wrong_answer_fails_with_its_reason(server: TcpServer, path: str, words: dict[str, Any], reason: str) -> None:
    begin = time.monotonic()
    with pytest.raises(CheckFailed) as caught:
        ask(server, path, **words)
    assert reason in str(caught.value)
    assert time.monotonic() - begin < 2


def test_the_asked_name_and_headers_arrive(server: TcpServer) -> None:
    ask(server, "/ok", headers={"X-Forwarded-Proto": "https"})
    ask(server, "/ok", host="other.example")
    (_, first), (_, second) = server.seen
    assert (first["host"], first["x-forwarded-proto"]) == ("shop.example", "https")
    assert second["host"] == "other.example"


def test_a_check_is_tried_again_within_the_patience(server: TcpServer) -> None:
    (words,) = read_http([{"name": "it", "path": "/flaky"}])
    check = http_check(words, address_of(server), RELEASE, 1, "front")
    (outcome,) = run_checks([check], Patience(seconds=5, interval=0.01))
    assert (outcome.ok, outcome.detail[-7:]) == (True, "(try 3)")


def test_the_patience_ends(server: TcpServer) -> None:
    (words,) = read_http([{"name": "it", "path": "/bad-gateway"}])
    check = http_check(words, address_of(server), RELEASE, 1, "front")
    begin = time.monotonic()
    first, second = run_checks([check, check], Patience(seconds=1.5, interval=0.5))
    assert not first.ok
    assert "(try 3)" in first.detail
    assert "try" not in second.detail, "the patience is one for all checks"
    assert time.monotonic() - begin < 2.2


@pytest.mark.fault("front: unreachable", ends="found")
def test_nobody_listens(tmp_path: Path) -> None:
    with serving(on_tcp()) as server:
        address = address_of(server)
    (words,) = read_http([{"name": "it", "path": "/ok"}])
    for place in (address, Address("http", "", 0, "x", unix=str(tmp_path / "none.sock"))):
        with pytest.raises(CheckFailed, match="cannot connect"):
            http_check(words, place, RELEASE, 1, "front").ask()


@pytest.mark.parametrize("url", ["shop.example", "ftp://a:1", "http://", "http://a/b", "http://u:p@a", "http://a:x"])
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(CheckFailed, match="is not an address such as"):
        parse_address(url)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("text", "a mapping with name and path was expected"),
        ({"name": "x"}, "path is missing"),
        ({"name": "x", "path": "/", "statuss": 200}, "unknown word 'statuss'"),
        ({"name": "x", "path": "/", "status": "200"}, "status: int expected, not str"),
        ({"name": "x", "path": "/", "status": True}, "status: int expected, not bool"),
        ({"name": "x", "path": "/", "headers": {"a": 1}}, "headers: its values must be text"),
        ({"name": "x", "path": "/", "json": []}, "json: dict expected, not list"),
    ],
)
def test_a_wrong_word_is_named_with_its_place(entry: Any, reason: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        read_http([{"name": "good", "path": "/"}, entry])
    assert str(caught.value).startswith("verification_http, entry 2")
    assert reason in str(caught.value)


@pytest.mark.parametrize("words", [{"path": "/a b"}, {"path": "x"}, {"headers": {"A": "b\r\nc: d"}}, {"host": "a\nb"}])
def test_nothing_breaks_out_of_its_line(words: dict[str, Any]) -> None:
    (read,) = read_http([{"name": "x", "path": "/ok", **words}])
    with serving(on_tcp()) as server:
        check = http_check(read, address_of(server), RELEASE, 1, "front")
        with pytest.raises(CheckFailed, match="mend the check"):
            check.ask()

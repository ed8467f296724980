"""Does a WebSocket check shake hands, ping and talk as RFC 6455 says, and see every way in which a server fails to?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_checks.asking import websocket_check
from ansible.module_utils.namaskah_checks.frames import apply_mask
from ansible.module_utils.namaskah_checks.outcome import CheckFailed
from ansible.module_utils.namaskah_checks.websocket import accept_key
from ansible.module_utils.namaskah_checks.words import read_websockets

from tests.support.verification.address import address_of
from tests.support.verification.server import RELEASE, TcpServer, UnixServer, on_tcp, on_unix, serving

SECRET = "token-7f3a9c"  # noqa: S105 - a sentinel that must appear nowhere


@pytest.fixture(params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TcpServer | UnixServer]:
    with serving(on_tcp() if request.param == "tcp" else on_unix(tmp_path / "web.sock")) as running:
        yield running


def ask(server: TcpServer | UnixServer, kind: str, timeout: float = 0.5, **words: Any) -> str:
    (read,) = read_websockets([{"name": "it", "path": f"/ws/{kind}", **words}])
    return websocket_check(read, address_of(server), RELEASE, timeout, "front").ask()


def test_the_key_is_answered_as_in_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3


def test_the_mask_is_the_one_of_the_rfc() -> None:
    assert apply_mask(b"Hello", bytes.fromhex("37fa213d")) == bytes.fromhex("7f9f4d5158")  # RFC 6455 section 5.7


GOOD: list[tuple[str, dict[str, Any], str]] = [
    ("echo", {}, "pong; the server closed with code 1000"),
    ("echo", {"ping": False}, "opened"),
    ("echo", {"message": "hi"}, "pong, message sent"),
    ("echo", {"message": "hi", "expect": '"said": "hi"'}, "reply as expected"),
    ("echo", {"message": {"a": 1}, "expect_json": {"type": "echo", "said": '{"a": 1}'}}, "reply as expected"),
    ("greets", {"ping": False, "expect_json": {"type": "hello"}}, "reply as expected"),
    ("greets", {"message": "hi", "expect_json": {"type": "echo"}}, "reply as expected"),
    ("push", {"message": "hi", "expect_json": {"type": "echo"}, "replies": 3}, "reply as expected"),
    ("fragments", {"message": "hi", "expect_json": {"said": "Übersicht"}}, "reply as expected"),
    ("large", {"message": "x" * 300, "expect": "xend"}, "reply as expected"),
    ("large", {"message": "x" * 70_000, "expect": "xend"}, "reply as expected"),
    ("binary", {"message": "hi", "expect": "ready"}, "reply as expected"),
    ("forbidden", {"status": 403}, "403 from"),
    ("closes", {"close": 4401}, "closed with code 4401"),
    ("no-goodbye", {"ping": False}, "the server did not answer the goodbye"),
    ("echo", {"subprotocols": ["v1", "v2"]}, "pong"),
]


@pytest.mark.parametrize(("kind", "words", "told"), GOOD)
def test_a_right_server_passes(server: TcpServer, kind: str, words: dict[str, Any], told: str) -> None:
    assert told in ask(server, kind, timeout=2, **words)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("forbidden", {}, "answered 403 Forbidden; 101 was expected; body begins 'Access denied'; does the application"),
    ("plain", {}, "answered 200 OK; 101 was expected"),
    ("echo", {"status": 403}, "the handshake was accepted; 403 was expected"),
    ("dropped-upgrade", {}, "without the Upgrade and Connection headers"),
    ("bad-accept", {}, "wrong Sec-WebSocket-Accept"),
    ("extension", {}, "chose the extension 'permessage-deflate'"),
    ("bad-protocol", {"subprotocols": ["v1"]}, "chose the subprotocol 'other'"),
    ("no-pong", {}, "the handshake was good, then silence: no complete answer within 0.5 s"),
    ("wrong-pong", {}, "the handshake was good, then silence"),
    ("silent", {"message": "hi", "expect": "x"}, "the handshake was good, then silence"),
    ("wrong-reply", {"message": "hi", "expect_json": {"type": "echo"}}, "in which 'type' is not as expected"),
    (
        "wrong-reply",
        {"message": "hi", "expect": "welcome"},
        "a text message of 31 characters without the expected text",
    ),
    ("push", {"message": "hi", "expect_json": {"type": "echo"}}, "in which 'type' is not as expected"),
    ("binary", {"message": "hi", "expect_json": {"type": "echo"}}, "a binary message of 7 characters that is no JSON"),
    ("closes", {}, "the server closed with code 4401 ('log in first')"),
    ("closes", {"close": 4403}, "code 4401 ('log in first'); the code 4403 was expected"),
    ("echo", {"close": 4401}, "then silence"),
    ("drops", {}, "the server closed without a closing handshake"),
    ("drops-after-ping", {}, "the server closed without a closing handshake"),
    ("half-frame", {}, "the server closed without a closing handshake"),
    ("masked", {}, "the server masked a frame"),
    ("reserved", {}, "reserved bit"),
    ("unknown", {}, "unknown kind 5"),
    ("mixed", {}, "mixed up the fragments"),
    ("not-utf8", {}, "not UTF-8"),
    ("huge", {}, "a frame of 1099511627776 bytes"),
    ("endless", {}, "then silence: no complete answer within 0.5 s"),
]


@pytest.mark.parametrize(("kind", "words", "reason"), BAD)
def test_a_wrong_server_fails_with_its_reason(server: TcpServer, kind: str, words: dict[str, Any], reason: str) -> None:
    begin = time.monotonic()
    with pytest.raises(CheckFailed) as caught:
        ask(server, kind, **words)
    assert reason in str(caught.value)
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("kind", ["echo", "wrong-reply", "push", "drops-after-ping", "forbidden", "no-pong"])
@pytest.mark.parametrize("expected", [{"expect": "never said"}, {"expect_json": {"said": "other"}}])
def test_what_was_sent_is_never_shown(server: TcpServer, kind: str, expected: dict[str, Any]) -> None:
    with pytest.raises(CheckFailed) as caught:
        ask(server, kind, message={"type": "login", "token": SECRET}, **expected)
    assert SECRET not in str(caught.value)
    (words,) = read_websockets([{"name": "it", "path": "/ws", "message": SECRET}])
    assert SECRET not in repr(words)


def test_the_handshake_says_who_asks(server: TcpServer) -> None:
    ask(server, "echo", headers={"Cookie": "a=b"}, subprotocols=["v1"])
    ((path, headers),) = server.seen
    assert path == "/ws/echo"
    assert (headers["host"], headers["origin"]) == ("shop.example", "http://shop.example")
    assert (headers["cookie"], headers["sec-websocket-protocol"], headers["sec-websocket-version"]) == (
        "a=b",
        "v1",
        "13",
    )


def test_the_server_is_left_with_a_goodbye(server: TcpServer) -> None:
    ask(server, "echo")
    assert server.closed == [(1000).to_bytes(2, "big")]


def test_a_reply_that_can_never_come_is_refused() -> None:
    with pytest.raises(CheckFailed, match="replies must be 1 or more"):
        read_websockets([{"name": "x", "path": "/ws", "message": "hi", "expect": "y", "replies": 0}])

"""Do the addresses of the release answer as the inventory says? HTTP and WebSocket checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .http import Answer, explained, fetch
from .outcome import Check, CheckFailed
from .stream import Address, Stream
from .websocket import SWITCHING, Closed, Refused, WebSocket
from .words import HttpWords, WebSocketWords, difference, with_release

REDIRECTS = (301, 302, 303, 307, 308)
HINTS = {
    400: "is the Host header one that the application allows?",
    401: "does the check need a header with credentials?",
    403: "does the application refuse this Origin, or does the check need a header with credentials?",
    404: "is the path right, and does the front pass it on?",
    502: "the front cannot reach the application: does the socket behind `current` exist, and may the front open it?",
    503: "the front or the application is overloaded, or in maintenance",
    504: "the application did not answer the front in time",
}


def http_check(words: HttpWords, address: Address, release: str, timeout: float, where: str) -> Check:
    """The check of one HTTP entry at one address; `timeout` in seconds for one try."""

    def ask() -> str:
        place = address.named(words.host)
        answer = fetch(place, words.path, words.headers, timeout)
        _check_status(answer, words.status, place, words.path)
        _check_content(answer, words, release)
        return f"{answer.status} from {place}{words.path}, {len(answer.body)} bytes"

    return Check(f"http {words.name} ({where})", ask)


def websocket_check(words: WebSocketWords, address: Address, release: str, timeout: float, where: str) -> Check:
    """The check of one WebSocket entry at one address. Neither the message sent nor the reply to it is ever shown."""

    def ask() -> str:
        place = address.named(words.host)
        with explained(place), Stream(place, timeout) as stream:
            try:
                socket = WebSocket(stream, place, words.path, words.headers, words.subprotocols)
            except Refused as refused:
                return _refusal(refused.answer, words, place)
            if words.status != SWITCHING:
                raise CheckFailed(f"{place}{words.path}: the handshake was accepted; {words.status} was expected")
            try:
                done = _converse(socket, words, release)
            except Closed as closed:
                return _ending(closed, words, place)
            except TimeoutError as error:
                raise CheckFailed(f"{place}{words.path}: the handshake was good, then silence: {error}") from error
            return f"101 from {place}{words.path}, {', '.join(done)}; {socket.close()}"

    return Check(f"websocket {words.name} ({where})", ask)


def _check_status(answer: Answer, wanted: int, place: Address, path: str) -> None:
    if answer.status == wanted:
        return
    said = f"{place}{path} answered {answer.status} {answer.reason}".rstrip()
    if answer.status in REDIRECTS:
        target = answer.headers.get("location", "(no Location)")
        raise CheckFailed(
            f"{said} and sends to {target}; {wanted} was expected: check that path, send the headers that the front"
            f" would add, or expect the status {answer.status}"
        )
    hint = HINTS.get(answer.status, "")
    raise CheckFailed(f"{said}; {wanted} was expected; {answer.start()}" + (f"; {hint}" if hint else ""))


def _check_content(answer: Answer, words: HttpWords, release: str) -> None:
    for name, wanted in with_release(words.answer_headers, release).items():
        got = answer.headers.get(name.lower())
        if got is None or wanted not in got:
            raise CheckFailed(f"answered {answer.status}, but the header {name} is {got!r}, without {wanted!r}")
    contains = with_release(words.contains, release)
    if contains and contains.encode() not in answer.body:
        raise CheckFailed(f"answered {answer.status}, but the body does not contain {contains!r}; {answer.start()}")
    if words.json:
        differs = difference(with_release(words.json, release), answer.json())
        if differs:
            raise CheckFailed(f"answered {answer.status}, but {differs}")


def _refusal(answer: Answer, words: WebSocketWords, place: Address) -> str:
    if answer.status != words.status:
        _check_status(answer, words.status, place, words.path)
    return f"{answer.status} from {place}{words.path}, refused as expected"


def _ending(closed: Closed, words: WebSocketWords, place: Address) -> str:
    if words.close and closed.code == words.close:
        return f"closed with code {closed.code} by {place}{words.path}, as expected"
    wanted = f"; the code {words.close} was expected" if words.close else ""
    raise CheckFailed(f"{place}{words.path}: the handshake was good, then {closed}{wanted}")


def _converse(socket: WebSocket, words: WebSocketWords, release: str) -> list[str]:
    if words.close:
        while True:  # until the server closes, which raises Closed, or the time is up
            socket.receive()
    done = []
    if words.ping:
        socket.ping()
        done.append("pong")
    if words.message:
        socket.send(words.message)
        done.append("message sent")
    if words.expect or words.expect_json:
        _expect_reply(socket, words, release)
        done.append("reply as expected")
    return done or ["opened"]


def _expect_reply(socket: WebSocket, words: WebSocketWords, release: str) -> None:
    seen = []
    for _ in range(words.replies):
        reason = _unlike(socket.receive(), words, release)
        if not reason:
            return
        seen.append(reason)
    raise CheckFailed(f"the reply is not the expected one: {_joined(seen)}")


def _unlike(reply: str | bytes, words: WebSocketWords, release: str) -> str:
    """Why a reply is not the expected one, without showing it: it may repeat a secret that was sent."""
    kind = f"a {'text' if isinstance(reply, str) else 'binary'} message of {len(reply)} characters"
    text = reply if isinstance(reply, str) else reply.decode("utf-8", "replace")
    if words.expect and with_release(words.expect, release) not in text:
        return f"{kind} without the expected text"
    if words.expect_json:
        parsed = _parsed(text)
        if parsed is None:
            return f"{kind} that is no JSON"
        differs = difference(with_release(words.expect_json, release), parsed, show=False)
        return f"{kind}, in which {differs}" if differs else ""
    return ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _joined(reasons: Sequence[str]) -> str:
    return "; then ".join(dict.fromkeys(reasons))

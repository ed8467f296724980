"""Does a WebSocket open, answer a ping and exchange messages? A client after RFC 6455, sections 4 and 5."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence

from .frames import MAX_FRAME, Opcode, encode, read_frame
from .http import SHOWN, Answer, lower, read_head, request_bytes
from .outcome import CheckFailed
from .stream import Address, Stream

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
SWITCHING = 101
NO_CODE = 1005  # section 7.4.1: the close frame carried none
ABNORMAL = 1006  # section 7.4.1: the connection ended without a close frame
MAX_REFUSAL = 64 * 1024
GOODBYE = 1.0  # seconds


class Closed(Exception):  # noqa: N818 - an ending, which a check may even want
    """The server closed the WebSocket; `code` as in section 7.4, `reason` in its words."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        """For an operator."""
        words = {NO_CODE: "without a code", ABNORMAL: "without a closing handshake"}
        said = words.get(self.code, f"with code {self.code}")
        return f"the server closed {said}" + (f" ({self.reason[:SHOWN]!r})" if self.reason else "")


class Refused(Exception):  # noqa: N818 - an answer, which a check may even want
    """The server answered the handshake with something else than 101."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class WebSocket:
    """An open WebSocket. `subprotocol` is what the server chose, or ""."""

    def __init__(
        self, stream: Stream, address: Address, path: str, headers: Mapping[str, str], subprotocols: Sequence[str]
    ) -> None:
        self._stream = stream
        self._pieces: list[bytes] = []
        self._kind = Opcode.TEXT
        self.subprotocol = ""
        self._shake_hands(address, path, headers, subprotocols)

    def send(self, message: str) -> None:
        """Send a text message."""
        self._transmit(encode(Opcode.TEXT, message.encode()))

    def ping(self) -> list[str | bytes]:
        """Ping, and wait for the pong; returns the messages that came before it. Raises Closed, CheckFailed."""
        token = os.urandom(8)
        self._transmit(encode(Opcode.PING, token))
        messages: list[str | bytes] = []
        while True:
            opcode, payload = self._next()
            if opcode is Opcode.PONG and payload == token:
                return messages
            if opcode in (Opcode.TEXT, Opcode.BINARY):
                messages.append(_decoded(opcode, payload))

    def receive(self) -> str | bytes:
        """The next message, put together from its fragments. Raises Closed, CheckFailed."""
        while True:
            opcode, payload = self._next()
            if opcode in (Opcode.TEXT, Opcode.BINARY):
                return _decoded(opcode, payload)

    def close(self) -> str:
        """Say goodbye (1000); returns how the server took it, which is no reason to fail a check."""
        self._stream.hurry(GOODBYE)
        try:
            self._transmit(encode(Opcode.CLOSE, (1000).to_bytes(2, "big")))
            while True:
                self._next()
        except Closed as closed:
            return str(closed)
        except TimeoutError:
            return f"the server did not answer the goodbye within {GOODBYE:g} s"

    def _transmit(self, data: bytes) -> None:
        try:
            self._stream.send(data)
        except (BrokenPipeError, ConnectionResetError):
            while True:  # the server is gone: what it said last tells why, and ends this by raising Closed
                self._next()

    def _next(self) -> tuple[Opcode, bytes]:
        """The next whole message or pong; pings are answered on the way."""
        while True:
            try:
                frame = read_frame(self._reader)
            except (EOFError, ConnectionResetError) as error:
                raise Closed(ABNORMAL) from error
            if frame.opcode is Opcode.CLOSE:
                raise _closing(frame.payload)
            if frame.opcode is Opcode.PING:
                self._transmit(encode(Opcode.PONG, frame.payload))
            elif frame.opcode is Opcode.PONG:
                return frame.opcode, frame.payload
            else:
                self._collect(frame.opcode, frame.payload)
                if frame.final:
                    whole, self._pieces = b"".join(self._pieces), []
                    return self._kind, whole

    def _collect(self, opcode: Opcode, payload: bytes) -> None:
        if (opcode is Opcode.CONTINUATION) != bool(self._pieces):
            raise CheckFailed("the server mixed up the fragments of two messages")
        if opcode is not Opcode.CONTINUATION:
            self._kind = opcode
        self._pieces.append(payload)
        if sum(map(len, self._pieces)) > MAX_FRAME:
            raise CheckFailed(f"the server sent a message of more than {MAX_FRAME} bytes")

    def _shake_hands(
        self, address: Address, path: str, headers: Mapping[str, str], subprotocols: Sequence[str]
    ) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        asked = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            "Origin": f"{address.scheme}://{address.name}",
            **({"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else {}),
            **headers,
        }
        self._stream.send(request_bytes(address, path, asked))
        response = read_head(self._stream)
        got = lower(response)
        if response.status != SWITCHING:
            raise Refused(Answer(response.status, response.reason, got, response.read(MAX_REFUSAL)))
        _check_acceptance(got, key, subprotocols)
        self.subprotocol = got.get("sec-websocket-protocol", "")
        # http.client's reader may already hold the first frames; its response would close it when forgotten.
        self._response, self._reader = response, response.fp


def accept_key(key: str) -> str:
    """What a server must answer to a key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()).decode()


def _check_acceptance(got: Mapping[str, str], key: str, subprotocols: Sequence[str]) -> None:
    if got.get("upgrade", "").lower() != "websocket" or "upgrade" not in got.get("connection", "").lower():
        raise CheckFailed("answered 101 without the Upgrade and Connection headers: does a proxy drop them?")
    if got.get("sec-websocket-accept") != accept_key(key):
        raise CheckFailed("answered 101 with a wrong Sec-WebSocket-Accept: this is no WebSocket server")
    if got.get("sec-websocket-extensions"):
        raise CheckFailed(f"chose the extension {got['sec-websocket-extensions'][:SHOWN]!r}, which nobody asked for")
    chosen = got.get("sec-websocket-protocol", "")
    if chosen and chosen not in subprotocols:
        raise CheckFailed(f"chose the subprotocol {chosen[:SHOWN]!r}, which nobody asked for")


def _decoded(opcode: Opcode, payload: bytes) -> str | bytes:
    if opcode is Opcode.BINARY:
        return payload
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise CheckFailed("the server sent a text message that is not UTF-8") from error


def _closing(payload: bytes) -> Closed:
    if not payload:
        return Closed(NO_CODE)
    return Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace"))

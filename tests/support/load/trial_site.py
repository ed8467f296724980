"""A small real server with HTTP, payments, a ledger and WebSockets, which misbehaves exactly as it is told.

Every fault is made on a real socket. The payments and the ledger are real, too: what the server executed stands there,
whatever it told the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Container, Iterator
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

# From the kind of a request (its path without the query) and its number, from 1, to the fault; "" is a good answer.
Plan = Callable[[str, int], str]
EVERY = range(1, 1_000_000)
EVERY_FIFTH = EVERY[4::5]


def faulty(fault: str, numbers: Container[int] = EVERY, at: str = "") -> Plan:
    """Plan `fault` for the requests with these numbers; `at` one path (or `websocket`) only, where given."""
    return lambda route, number: fault if number in numbers and (not at or route == at) else ""


GOOD = faulty("")
PAGE = b'<html><script src="/static/app.111.js"></script><link href="/static/app.111.css"></html>'
PAGE_SIZE = 40


class Site:
    """The server; runs in a thread with an event loop of its own."""

    def __init__(self, plan: Plan, tls: ssl.SSLContext | None = None) -> None:
        self.plan = plan
        self._tls = tls
        self.release = "r1"
        self.ledger: list[str] = []
        self.files = {"/static/app.111.js": b"one", "/static/app.111.css": b"two"}
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.sockets: set[SocketConnection] = set()
        self.refuse_sockets = False
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self, port: int = 0) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self.call(self._listen(port or self.port))

    def call(self, work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        assert self._server is not None
        self._server.close()

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open go on."""
        self.call(self._unlisten())

    def close(self) -> None:
        self.call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.05)  # for the connections of these tasks to close

    async def _close_sockets(self, code: int) -> None:
        for connection in list(self.sockets):
            connection.close(code)

    def close_sockets(self, code: int) -> None:
        """Close every WebSocket with `code`; 1006 means: cut without a close frame."""
        self.call(self._close_sockets(code))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served = 0
        try:
            while await self._one(reader, writer, served):
                served += 1
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that left
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, served: int) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, *_ = head.decode("latin-1").split(" ", 2)
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("upgrade", "").lower() == "websocket":
            await SocketConnection(self, reader, writer).run(head)
            return False
        route = urlsplit(path).path
        self.counts[route] += 1
        fault = self._fault(route, served)
        reply = Reply(writer, headers.get("connection", "") == "keep-alive")
        status, content = await self._answer(method, path, body, fault)
        return await reply.send(status, content, fault)

    def _fault(self, route: str, served: int) -> str:
        """Return the planned fault; `drop used` only on a connection that has served before."""
        fault = self.plan(route, self.counts[route])
        if fault == "drop used":
            fault = "drop" if served else ""
        self.faults[fault] += 1
        return fault

    async def _answer(self, method: str, path: str, body: bytes, fault: str) -> tuple[int, bytes]:
        route, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        if method == "POST" and route == "/api/payments":
            return self._pay(json.loads(body), fault)
        if route == "/api/ledger":
            return 200, self._ledger_page(int(query.get("after", ["0"])[0]))
        if route == "/api/slow":
            await asyncio.sleep(0 if fault == "early" else float(query["seconds"][0]))
            return 200, json.dumps({"release": self.release}).encode()
        if route == "/healthz":
            return 200, json.dumps({"status": "ok", "release": self.release}).encode()
        if route == "/login":
            return 200, PAGE
        return (200, self.files[route]) if route in self.files else (404, b"no such file")

    def _pay(self, order: dict[str, object], fault: str) -> tuple[int, bytes]:
        key = str(order["idempotency_key"])
        times = {"lost": 0, "twice": 2}.get(fault, 1)
        self.ledger += [key] * times
        return (200 if fault == "replayed" else 201), json.dumps({"idempotency_key": key}).encode()

    def _ledger_page(self, after: int) -> bytes:
        page = self.ledger[after : after + PAGE_SIZE]
        return json.dumps({"entries": [{"id": after + at + 1, "key": key} for at, key in enumerate(page)]}).encode()


class Reply:
    """Sends one answer, good or with a fault."""

    def __init__(self, writer: asyncio.StreamWriter, keep: bool) -> None:
        self._writer, self._keep = writer, keep

    async def send(self, status: int, content: bytes, fault: str) -> bool:
        """Return whether the connection goes on."""
        if fault in ("drop", "executed unanswered"):
            return False
        if fault == "reset":
            self._reset()
            return False
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault.isdigit():
            status, content = int(fault), f"<h1>{fault} from the proxy</h1>".encode()
        if fault == "garbage":
            self._writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            return False
        self._writer.write(self._bytes(status, content, fault))
        await self._writer.drain()
        if fault in ("reset in body", "reset in chunks"):
            await asyncio.sleep(0.05)
            self._reset()
        return self._keep and fault in ("", "lost", "twice", "replayed", "early", "chunked")

    def _bytes(self, status: int, content: bytes, fault: str) -> bytes:
        name = "keep-alive" if self._keep else "close"
        head = f"HTTP/1.1 {status} X\r\nConnection: {name}\r\nLocation: /elsewhere\r\n".encode()
        if "chunk" in fault:
            half = len(content) // 2
            start = b"%x\r\n%s\r\n" % (half, content[:half])
            end = b"%x;ext=1\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (len(content) - half, content[half:])
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + start + (end if fault == "chunked" else b"")
        cut = content[: len(content) // 2] if fault in ("short", "reset in body") else content
        return head + b"Content-Length: %d\r\n\r\n" % len(content) + cut

    def _reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class SocketConnection:
    """One WebSocket of the server, with the real protocol."""

    def __init__(self, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._site, self._reader, self._writer = site, reader, writer
        self._protocol = ServerProtocol()

    async def run(self, head: bytes) -> None:
        site = self._site
        site.counts["websocket"] += 1
        fault = "refuse" if site.refuse_sockets else site.plan("websocket", site.counts["websocket"])
        self._protocol.receive_data(head)
        (request,) = self._protocol.events_received()
        assert isinstance(request, Request)
        refused = fault == "refuse"
        response = self._protocol.reject(403, "no\n") if refused else self._protocol.accept(request)
        self._protocol.send_response(response)
        self._flush()
        if refused:
            return
        site.sockets.add(self)
        try:
            await self._talk(fault)
        finally:
            site.sockets.discard(self)

    async def _talk(self, fault: str) -> None:
        self._protocol.send_text(b'{"type": "status"}')
        self._flush()
        while data := await self._reader.read(4096):
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT and fault != "mute":
                    self._protocol.send_text(b'{"type": "pong"}')
            self._flush()

    def close(self, code: int) -> None:
        if code == 1006:
            self._writer.transport.abort()
            return
        self._protocol.send_close(code, "restart")
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
            elif not self._writer.can_write_eof():
                self._writer.close()  # TLS knows no half-closed connection
            elif not self._writer.is_closing():
                self._writer.write_eof()


@contextlib.contextmanager
def running(plan: Plan = GOOD, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve on a loopback port until the block ends."""
    site = Site(plan, tls)
    site.start()
    try:
        yield site
    finally:
        site.close()

"""A server that misbehaves in every way that verification must notice, by HTTP and WebSocket."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RELEASE = "20260101T000000Z-0123456789ab"
BAD_GATEWAY = b"<html>\r\n<head><title>502 Bad Gateway</title></head></html>"
STATIC = {"js/app.js": b"console.log('app')", "css/site.css": b"body{}", "img/a b.png": os.urandom(70_000)}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Handler(socketserver.StreamRequestHandler):
    """One connection; the path chooses the behaviour. `server.seen` keeps what was asked."""

    server: TcpServer | UnixServer

    def handle(self) -> None:
        assert isinstance(self.rfile, io.BufferedReader)
        if self.rfile.peek(1)[:1] == b"\x16":  # a TLS greeting, as web servers answer it
            self.reply("400 Bad Request")
            return
        lines = []
        while line := self.rfile.readline().rstrip(b"\r\n"):
            lines.append(line.decode("latin-1"))
        if not lines:
            return
        path = lines[0].split(" ")[1]
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])}
        self.server.seen.append((path, headers))
        try:
            if path.startswith("/static/"):
                self.static(path)
            elif path.startswith("/ws/"):
                self.websocket(path.removeprefix("/ws/"), headers)
            else:
                getattr(self, path.strip("/").replace("-", "_"))()
        except OSError:
            return  # the client had seen enough

    def reply(self, status: str, body: bytes = b"", *fields: str) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""])
        self.wfile.write(head.encode() + body)

    # --- HTTP ---------------------------------------------------------------------------------------

    def ok(self) -> None:
        body = {"status": "ok", "release": RELEASE, "database": {"ok": True, "lag": 0}}
        self.reply("200 OK", json.dumps(body).encode(), "Content-Type: application/json")

    def page(self) -> None:
        self.reply("200 OK", "<h1>Übersicht</h1>".encode(), "Content-Type: text/html; charset=utf-8")

    def moved(self) -> None:
        self.reply("301 Moved Permanently", b"", "Location: https://shop.example/moved/")

    def bad_gateway(self) -> None:
        self.reply("502 Bad Gateway", BAD_GATEWAY)

    def flaky(self) -> None:
        if [path for path, _ in self.server.seen].count("/flaky") < 3:
            self.bad_gateway()
        else:
            self.ok()

    def chunked(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")

    def truncated(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

    def truncated_chunk(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly this")

    def closes(self) -> None:
        return

    def garbage(self) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    def slow(self) -> None:
        self.server.ending.wait(30)

    def trickle(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            self.wfile.write(b".")
            if self.server.ending.wait(0.05):
                return

    def endless(self) -> None:
        """Never pause, and never come to the answer."""
        for _ in range(1000):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)

    def endless_trailers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        for _ in range(1000):
            self.wfile.write(b"X: y\r\n" * 10000)

    def static(self, path: str) -> None:
        name = path.removeprefix("/static/").replace("%20", " ")
        if name in self.server.spoiled:
            {
                "bytes": lambda: self.reply("200 OK", STATIC[name][:-1] + b"\0"),
                "missing": lambda: self.reply("404 Not Found", b"no such file"),
                "login": lambda: self.reply("302 Found", b"", "Location: /login/"),
                "truncated": self.truncated,
            }[self.server.spoiled[name]]()
        else:
            self.reply("200 OK", STATIC[name])

    # --- WebSocket ----------------------------------------------------------------------------------

    def websocket(self, kind: str, headers: dict[str, str]) -> None:
        if kind == "forbidden":
            self.reply("403 Forbidden", b"Access denied")
            return
        if kind == "plain":
            self.ok()
            return
        told = (headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()
        accept = base64.b64encode(hashlib.sha1(told, usedforsecurity=False).digest()).decode()
        fields = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        if kind == "dropped-upgrade":
            fields = fields[:1]
        fields.append(f"Sec-WebSocket-Accept: {accept if kind != 'bad-accept' else accept[::-1]}")
        if kind == "extension":
            fields.append("Sec-WebSocket-Extensions: permessage-deflate")
        if "sec-websocket-protocol" in headers:
            chosen = "other" if kind == "bad-protocol" else headers["sec-websocket-protocol"].split(", ")[-1]
            fields.append(f"Sec-WebSocket-Protocol: {chosen}")
        first = self.frame(TEXT, b'{"type": "hello"}') if kind == "greets" else b""
        self.wfile.write(("\r\n".join([*fields, "", ""])).encode() + first)
        getattr(self, "ws_" + kind.replace("-", "_"), self.ws_echo)()

    @staticmethod
    def frame(opcode: int, payload: bytes, *, final: bool = True, bits: int = 0) -> bytes:
        size = len(payload)
        length = (
            bytes([size]) if size < 126 else struct.pack("!BH" if size < 65536 else "!BQ", 126 + (size > 65535), size)
        )
        return bytes([(0x80 if final else 0) | bits | opcode]) + length + payload

    def receive(self) -> tuple[int, bytes]:
        head = self.rfile.read(2)
        if len(head) < 2:
            raise ConnectionError
        first, second = head
        assert second & 0x80, "a client must mask"
        size = second & 0x7F
        if size >= 126:
            kind = "!H" if size == 126 else "!Q"
            (size,) = struct.unpack(kind, self.rfile.read(struct.calcsize(kind)))
        mask = self.rfile.read(4)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))

    def messages(self, *, pong: bool = True) -> Iterator[bytes]:
        """What the client says until it leaves; its pings are answered."""
        while True:
            opcode, payload = self.receive()
            if opcode == CLOSE:
                self.server.closed.append(payload)
                self.wfile.write(self.frame(CLOSE, payload))
                return
            if opcode == PING and pong:
                self.wfile.write(self.frame(PONG, payload))
            if opcode in (TEXT, BINARY):
                yield payload

    def ws_echo(self) -> None:
        for message in self.messages():
            self.wfile.write(self.frame(TEXT, json.dumps({"type": "echo", "said": message.decode()}).encode()))

    def ws_push(self) -> None:
        """Says two things by itself before it answers."""
        for message in self.messages():
            self.wfile.write(self.frame(TEXT, b'{"type": "news"}') * 2)
            self.wfile.write(self.frame(TEXT, json.dumps({"type": "echo", "said": message.decode()}).encode()))

    def ws_fragments(self) -> None:
        """Answers in three fragments with a ping between them, split within a character."""
        for _ in self.messages():
            whole = '{"type": "echo", "said": "Übersicht"}'.encode()
            cut = whole.index(b"\xc3") + 1
            self.wfile.write(self.frame(TEXT, whole[:5], final=False) + self.frame(PING, b"are you there"))
            self.wfile.write(self.frame(0, whole[5:cut], final=False) + self.frame(0, whole[cut:]))
            opcode, payload = self.receive()
            assert (opcode, payload) == (PONG, b"are you there")

    def ws_large(self) -> None:
        for _ in self.messages():
            self.wfile.write(self.frame(TEXT, b"x" * 70_000 + b"end"))

    def ws_binary(self) -> None:
        for _ in self.messages():
            self.wfile.write(self.frame(BINARY, b"\xff\x00ready"))

    def ws_no_pong(self) -> None:
        for _ in self.messages(pong=False):
            pass

    def ws_wrong_pong(self) -> None:
        while self.receive()[0] != PING:
            pass
        self.wfile.write(self.frame(PONG, b"something else"))
        self.server.ending.wait(30)

    def ws_wrong_reply(self) -> None:
        for message in self.messages():
            self.wfile.write(self.frame(TEXT, json.dumps({"type": "error", "said": message.decode()}).encode()))

    def ws_silent(self) -> None:
        for _ in self.messages():
            pass

    def ws_closes(self) -> None:
        self.wfile.write(self.frame(CLOSE, struct.pack("!H", 4401) + b"log in first"))

    def ws_drops(self) -> None:
        return

    def ws_drops_after_ping(self) -> None:
        self.receive()

    def ws_no_goodbye(self) -> None:
        self.receive()
        self.server.ending.wait(30)

    def ws_half_frame(self) -> None:
        self.wfile.write(self.frame(TEXT, b"hello")[:4])

    def ws_masked(self) -> None:
        self.wfile.write(bytes([0x81, 0x82]) + b"abcd" + b"xy")

    def ws_reserved(self) -> None:
        self.wfile.write(self.frame(TEXT, b"compressed?", bits=0x40))

    def ws_unknown(self) -> None:
        self.wfile.write(self.frame(5, b""))

    def ws_mixed(self) -> None:
        self.wfile.write(self.frame(TEXT, b"one", final=False) + self.frame(TEXT, b"two"))

    def ws_not_utf8(self) -> None:
        self.wfile.write(self.frame(TEXT, b"\xff\xfe"))
        self.server.ending.wait(30)

    def ws_huge(self) -> None:
        self.wfile.write(bytes([0x82, 127]) + struct.pack("!Q", 1 << 40))
        self.server.ending.wait(30)

    def ws_endless(self) -> None:
        while not self.server.ending.wait(0.02):
            self.wfile.write(self.frame(TEXT, b"tick"))


class _Server(socketserver.ThreadingMixIn):
    daemon_threads = True
    block_on_close = False

    def prepare(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.closed: list[bytes] = []
        self.spoiled: dict[str, str] = {}
        self.ending = threading.Event()


class TcpServer(_Server, socketserver.TCPServer):
    allow_reuse_address = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.socket.getsockname()[1])


class UnixServer(_Server, socketserver.UnixStreamServer):
    pass


@contextmanager
def serving(server: TcpServer | UnixServer) -> Iterator[TcpServer | UnixServer]:
    """Serve until the block ends."""
    server.prepare()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def on_tcp() -> TcpServer:
    """A server on a free port of the loopback."""
    return TcpServer(("127.0.0.1", 0), Handler)


def on_unix(path: Path) -> UnixServer:
    """A server on a unix socket."""
    return UnixServer(str(path), Handler)

"""What passes traffic from a host's port to the running release, where nginx is absent?

Started as a program. Each connection is passed to the socket that `current` names at that moment, as nginx does, so
the rename of `current` moves traffic here too. Static files come from `current`, then from the pool of older ones.
"""

from __future__ import annotations

import argparse
import asyncio
import mimetypes
import os
import posixpath
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

LONGEST_HEAD = 65536
HEAD_SECONDS = 30.0
CONNECT_SECONDS = 5.0
CHUNK = 65536
END_OF_HEAD = b"\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Site:
    """One host's application: its root, its service's socket name, and where its static files are."""

    root: Path
    service: str
    static_root: str
    static_url: str

    async def connect(self) -> Streams:
        """Connect to the socket below `current`, whose whole path may be longer than the 107 bytes of unix(7)."""
        folder = os.open(self.root / "current" / "run", os.O_PATH | os.O_DIRECTORY)
        try:
            path = f"/proc/self/fd/{folder}/{self.service}.sock"
            return await asyncio.wait_for(asyncio.open_unix_connection(path), CONNECT_SECONDS)
        finally:
            os.close(folder)

    def static_file(self, url_path: str) -> Path | None:
        """The file that an address means, of the running release or of the pool; None where there is none."""
        inner = posixpath.normpath(unquote(url_path.partition("?")[0]).removeprefix(self.static_url))
        if inner.startswith(("/", "..")) or "\0" in inner:
            return None
        pool = self.root / "shared" / "assets" / self.static_url.strip("/")
        for folder in (self.root / "current" / self.static_root, pool):
            if (folder / inner).is_file():
                return folder / inner
        return None


async def serve(site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection of a client."""
    try:
        head = await asyncio.wait_for(read_head(reader), HEAD_SECONDS)
        if head:
            method, _, rest = head.partition(b" ")
            path = rest.partition(b" ")[0].decode("latin-1")
            if path.startswith(site.static_url) and method in (b"GET", b"HEAD"):
                await answer_static(site, method, path, writer)
            else:
                await forward(site, head, reader, writer)
    except (OSError, TimeoutError):
        writer.transport.abort()
    finally:
        with suppress(OSError):
            writer.close()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Everything that has arrived by the end of the first request's head; empty when the client went away."""
    head = b""
    while END_OF_HEAD not in head and len(head) < LONGEST_HEAD:
        more = await reader.read(CHUNK)
        if not more:
            return b""
        head += more
    return head


async def answer_static(site: Site, method: bytes, path: str, writer: asyncio.StreamWriter) -> None:
    """Send a static file, and close: the next request of this client may belong to the application."""
    found = site.static_file(path)
    body = found.read_bytes() if found else b"not found\n"
    kind = mimetypes.guess_type(path)[0] if found else None
    status = "200 OK" if found else "404 Not Found"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind or 'text/plain'}\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + (body if method == b"GET" else b""))
    await writer.drain()


async def forward(site: Site, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes both ways until both sides have ended."""
    try:
        below_reader, below_writer = await site.connect()
    except (OSError, TimeoutError) as error:
        body = f"the application does not answer: {error}\n".encode()
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        return
    below_writer.write(head)
    try:
        await asyncio.gather(pass_on(reader, below_writer), pass_on(below_reader, writer))
    finally:
        below_writer.close()


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the end of `source`, then end the writing side of `target`; a broken target ends it, too."""
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.write_eof()


async def run(site: Site, port: int) -> None:
    """Listen on the loopback address until a signal asks for the end."""
    end = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, end.set)
    server = await asyncio.start_server(lambda r, w: serve(site, r, w), "127.0.0.1", port, backlog=512)
    await end.wait()
    server.close()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(description="Pass connections to the running release of one host.")
    parser.add_argument("--root", type=Path, required=True, help="the host's namaskah_root")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback address")
    parser.add_argument("--service", default="web", help="the service that listens")
    parser.add_argument("--static-root", default="static", help="static files, relative to the release")
    parser.add_argument("--static-url", default="/static/", help="their address")
    options = parser.parse_args()
    asyncio.run(run(Site(options.root, options.service, options.static_root, options.static_url), options.port))


if __name__ == "__main__":
    main()

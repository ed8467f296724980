"""How do bytes arrive on one connection? A buffer that loses nothing, however the connection ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.load.errors import NoAnswerError, RequestError, from_os_error

if TYPE_CHECKING:
    from tests.support.load.target import Target


class Link(asyncio.Protocol):
    """One TCP or TLS connection of a client.

    asyncio's StreamReader forgets buffered bytes once the connection was reset; here the difference between "reset
    before an answer" and "reset within an answer" decides whether a browser would ask again, so it is kept.
    """

    def __init__(self) -> None:
        """Begin unconnected."""
        self._buffer = bytearray()
        self._wake: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._lost: Exception | None = None
        self.ended = False
        self.answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Buffer what arrives."""
        self._buffer += data
        self.answered = True
        self._notify()

    def eof_received(self) -> bool:
        """Note the server's close; False lets the transport close, too."""
        self.ended = True
        self._notify()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end and its reason."""
        self.ended = True
        self._lost = self._lost or exc
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    @property
    def stale(self) -> bool:
        """Whether an idle link cannot carry another request: closed, or with bytes that nobody asked for."""
        return self.ended or bool(self._buffer)

    def send(self, data: bytes) -> None:
        """Send a whole request; a failure shows when its answer is read."""
        self.answered = False
        if self._transport is not None and not self.ended:
            self._transport.write(data)

    def close(self) -> None:
        """Close without waiting."""
        if self._transport is not None:
            self._transport.close()

    async def _more(self) -> bool:
        """Wait until more bytes are there (True) or none will come (False)."""
        known = len(self._buffer)
        while len(self._buffer) == known:
            if self.ended:
                return False
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return True

    def _cut(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def until(self, mark: bytes, limit: int) -> bytes:
        """Everything up to and with `mark`. Raises RequestError when the connection ends or `limit` is passed."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > limit:
                raise RequestError("bad response", f"no {mark!r} within {limit} bytes")
            if not await self._more():
                raise self.ending("the header is cut", bytes(self._buffer))
        return self._cut(at + len(mark))

    async def take(self, size: int) -> bytes:
        """Exactly `size` bytes, or what came of them before the connection ended."""
        while len(self._buffer) < size and await self._more():
            pass
        return self._cut(size)

    async def rest(self, limit: int) -> bytes:
        """Everything until the server closes. Raises RequestError on a reset or beyond `limit`."""
        while await self._more():
            if len(self._buffer) > limit:
                raise RequestError("bad response", f"body longer than {limit} bytes")
        if self._lost is not None:
            raise self.ending("the body is cut", bytes(self._buffer))
        return self._cut(len(self._buffer))

    def ending(self, what: str, body: bytes = b"", status: int | None = None) -> RequestError:
        """Name the end of the connection: with no byte of an answer, by a reset, or by a close."""
        if not self.answered:
            reason = f"reset ({self._lost})" if self._lost else "closed"
            return NoAnswerError("no answer", f"the connection was {reason} before an answer")
        if isinstance(self._lost, OSError):
            return RequestError(from_os_error(self._lost).error, what, status, body)
        return RequestError("closed", what, status, body)


async def open_link(target: Target) -> Link:
    """Connect. Raises RequestError (refused, unreachable, tls, own limit)."""
    loop = asyncio.get_running_loop()
    try:
        _, link = await loop.create_connection(
            Link, target.address, target.port, ssl=target.tls_context(), server_hostname=target.server_name
        )
    except OSError as error:
        raise from_os_error(error) from error
    return link

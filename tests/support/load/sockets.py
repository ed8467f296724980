"""Do WebSockets live, end in order, and come back? Clients that stay open and return soon after a close."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin

from tests.support.load.errors import RequestError, from_os_error
from tests.support.load.report import WebSocketReport
from tests.support.load.settings import WEBSOCKET

if TYPE_CHECKING:
    from tests.support.load.session import Session

# A client that was cut comes back within a second; jitter keeps many of them from coming at the same moment.
FIRST_DELAY = (0.05, 0.9)
NEXT_DELAY = (0.2, 0.6)
LATE_DELAY = (0.8, 1.2)
JITTER = random.SystemRandom()


class DirectConnect(connect):
    """A handshake that follows no redirection: a site that redirects a WebSocket is not serving it."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take a redirection as the failure it is."""
        return exc


class SocketStats:
    """What all WebSocket clients together have seen."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.opened = self.closed = self.back = self.back_in_time = self.refused = self.unanswered = 0
        self.slowest_back = 0.0
        self.codes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def note_close(self, error: ConnectionClosed) -> None:
        """Count the close code that the server sent; without a close frame it is 1006 (RFC 6455 7.1.5)."""
        self.codes[str(error.rcvd.code) if error.rcvd else "1006"] += 1
        if error.rcvd and error.rcvd.reason and len(self.reasons) < 50:
            self.reasons[error.rcvd.reason[:100]] += 1

    def note_back(self, absence: float, allowed: float) -> None:
        """Count a client that is back after `absence` seconds."""
        self.back += 1
        self.back_in_time += absence <= allowed
        self.slowest_back = max(self.slowest_back, absence)

    def report(self) -> WebSocketReport:
        """Return the figures for the report."""
        return WebSocketReport(
            opened=self.opened,
            closed=self.closed,
            back=self.back,
            back_in_time=self.back_in_time,
            slowest_back_ms=round(self.slowest_back * 1000, 1),
            refused_while_away=self.refused,
            unanswered=self.unanswered,
            codes=dict(self.codes),
            reasons=dict(self.reasons),
        )


class SocketClient:
    """One WebSocket that is kept open until `stop`; a message (or a ping) and its reply every interval."""

    def __init__(self, session: Session, stats: SocketStats, stop: asyncio.Event) -> None:
        """Not yet open."""
        self._session, self._stats, self._stop = session, stats, stop
        self._path = session.settings.profile.websocket_path
        self._closed_at: float | None = None
        self._reported_away = False
        self.settled = False

    async def run(self, delay: float) -> None:
        """Open after `delay` seconds and stay, until `stop` is set and no return is pending."""
        await self._pause(delay)
        while not self._stop.is_set() or self._return_pending():
            try:
                connection = await self._open()
            except RequestError as error:
                self._refused(error)
                await self._pause(JITTER.uniform(*(LATE_DELAY if self._reported_away else NEXT_DELAY)))
                continue
            await self._stay(connection)
            if not self._stop.is_set() or self._return_pending():
                await asyncio.sleep(JITTER.uniform(*FIRST_DELAY))

    def _return_pending(self) -> bool:
        return self._closed_at is not None and not self._reported_away

    async def _pause(self, delay: float) -> None:
        if self._return_pending():
            await asyncio.sleep(delay)
            return
        try:
            await asyncio.wait_for(self._stop.wait(), delay)
        except TimeoutError:
            return

    async def _open(self) -> ClientConnection:
        settings = self._session.settings
        target = settings.target
        scheme = "wss" if target.tls else "ws"
        tls: dict[str, Any] = {"ssl": target.tls_context(), "server_hostname": target.server_name} if target.tls else {}
        try:
            return await DirectConnect(
                f"{scheme}://{target.host_header}{self._path}",
                host=target.address,
                port=target.port,
                origin=Origin(target.origin),
                additional_headers=settings.auth(),
                open_timeout=settings.websocket_timeout,
                close_timeout=settings.websocket_timeout,
                ping_interval=None,
                # Read on without a limit: a full queue would stop the reading, and a close would be noticed late.
                max_queue=None,
                proxy=None,
                **tls,
            )
        except TimeoutError as error:
            raise RequestError("time-out", f"no handshake within {settings.websocket_timeout:g} s") from error
        except OSError as error:
            raise from_os_error(error) from error
        except (WebSocketException, EOFError) as error:
            raise _handshake_failure(error) from error

    def _refused(self, error: RequestError) -> None:
        """Count a refused handshake as failed, unless the client may still be away."""
        if self._closed_at is None:
            self._session.recorder.failed(WEBSOCKET, self._path, error)
            self.settled = True
            return
        self._stats.refused += 1
        self._check_absence(str(error))

    def _check_absence(self, why: str) -> None:
        assert self._closed_at is not None
        allowed = self._session.settings.back_within
        if not self._reported_away and self._session.recorder.now() - self._closed_at > allowed:
            self._reported_away = True
            self._session.recorder.failed(
                WEBSOCKET, self._path, RequestError("not back", f"within {allowed:g} s: {why}")
            )

    async def _stay(self, connection: ClientConnection) -> None:
        """Exchange messages until the connection ends or the load does."""
        self._stats.opened += 1
        try:
            async with connection:
                while await self._exchange(connection):
                    self._note_answer()
                    await self._rest(connection)
                    if self._stop.is_set():
                        return
        except ConnectionClosed as error:
            self._ended(error)

    async def _rest(self, connection: ClientConnection) -> None:
        """Wait until the next message is due, the connection is closed or the load ends."""
        stopped = asyncio.ensure_future(self._stop.wait())
        closed = asyncio.ensure_future(connection.wait_closed())
        try:
            await asyncio.wait(
                {stopped, closed},
                timeout=self._session.settings.websocket_interval,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopped.cancel()
            closed.cancel()

    async def _exchange(self, connection: ClientConnection) -> bool:
        """One message and its reply. False after a failure that ends this connection; ConnectionClosed passes."""
        recorder, due = self._session.recorder, self._session.recorder.now()
        try:
            async with asyncio.timeout(self._session.settings.websocket_timeout):
                await self._converse(connection)
        except TimeoutError:
            recorder.failed(WEBSOCKET, self._path, RequestError("time-out", "no reply to a message"))
            self._stats.codes["no reply"] += 1
            self._leave()
            return False
        recorder.succeeded(WEBSOCKET, due)
        self.settled = True
        return True

    async def _converse(self, connection: ClientConnection) -> None:
        profile = self._session.settings.profile
        if profile.websocket_message is None:
            await (await connection.ping())
            return
        await connection.send(json.dumps(profile.websocket_message))
        try:
            while not _matches(await connection.recv(), profile.websocket_reply):
                pass  # other messages of the application
        except ConnectionClosed:
            self._stats.unanswered += 1
            raise

    def _note_answer(self) -> None:
        """Count the client as back with the first answer after a close."""
        if self._closed_at is not None:
            absence = self._session.recorder.now() - self._closed_at
            self._check_absence("the answer came later")
            self._stats.note_back(absence, self._session.settings.back_within)
            self._closed_at, self._reported_away = None, False

    def _ended(self, error: ConnectionClosed) -> None:
        self._stats.note_close(error)
        self._leave()

    def _leave(self) -> None:
        """Let the absence count from the first close: one that is opened and cut again is not back."""
        if self._closed_at is None:
            self._stats.closed += 1
            self._closed_at = self._session.recorder.now()
        else:
            self._check_absence("it was cut again before it answered")


def _matches(message: str | bytes, wanted: Any) -> bool:
    try:
        document = json.loads(message)
    except ValueError:
        return False
    return isinstance(document, dict) and all(document.get(key) == value for key, value in wanted.items())


def _handshake_failure(error: Exception) -> RequestError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    body = getattr(response, "body", None) or b""
    cause = error.__cause__
    if status is None and isinstance(cause, OSError):
        return from_os_error(cause)
    return RequestError("handshake", str(error) or type(error).__name__, status, bytes(body))

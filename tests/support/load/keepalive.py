"""What do clients meet that keep their connections? GETs over used connections, asked again only as a browser would."""

from __future__ import annotations

from collections import deque
from itertools import cycle
from typing import TYPE_CHECKING

from tests.support.load.errors import NoAnswerError
from tests.support.load.report import KeepAliveReport
from tests.support.load.session import Session, expect_get
from tests.support.load.wire import Response, read_response

if TYPE_CHECKING:
    from tests.support.load.link import Link


class KeepAliveClient:
    """GETs over connections that the client keeps, used in turn.

    When a used connection turns out to be closed before a byte of the answer came, a browser asks once more on a new
    one; so does this, and counts it. On a new connection nothing is asked again.
    """

    kind = "keepalive"

    def __init__(self, session: Session) -> None:
        """Begin with an empty pool."""
        self._session = session
        self._paths = cycle(session.settings.profile.get_paths)
        self._idle: deque[Link] = deque()
        self._open = self._opened = self._reused_closed = self._idle_closed = 0

    async def __call__(self, due: float) -> None:
        """One GET."""
        path, profile = next(self._paths), self._session.settings.profile
        await self._session.judge(
            self.kind,
            path,
            due,
            fetch=lambda: self._fetch(path),
            check=lambda response: expect_get(response, path, profile),
        )

    async def _fetch(self, path: str) -> Response:
        if link := self._used_link():
            try:
                return await self._exchange(link, path)
            except NoAnswerError:
                self._reused_closed += 1
        link = await self._session.connect()
        self._opened += 1
        self._open += 1
        return await self._exchange(link, path)

    def _used_link(self) -> Link | None:
        while self._idle:
            # Below the wanted number of connections new ones are opened first, so that all are in use.
            if self._open < self._session.settings.keepalive_connections and not self._idle[0].stale:
                return None
            link = self._idle.popleft()
            if not link.stale:
                return link
            self._idle_closed += 1
            self._drop(link)
        return None

    async def _exchange(self, link: Link, path: str) -> Response:
        reusable = False
        try:
            link.send(self._session.request("GET", path, keep=True))
            response = await read_response(link)
            reusable = response.reusable and len(self._idle) < self._session.settings.keepalive_connections
        finally:
            if reusable:
                self._idle.append(link)
            else:
                self._drop(link)
        return response

    def _drop(self, link: Link) -> None:
        self._open -= 1
        link.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._drop(self._idle.popleft())

    def report(self) -> KeepAliveReport:
        """Return what happened to the connections."""
        return KeepAliveReport(self._opened, self._reused_closed, self._idle_closed)

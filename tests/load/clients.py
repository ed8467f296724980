"""Which kinds of HTTP client are there? Each turns a due time into one judged request."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from itertools import cycle
from uuid import uuid4

from .errors import NoAnswer, RequestFailed
from .link import Link
from .profiles import StaticFile
from .report import KeepAliveReport
from .session import Check, Session, expect_get, expect_success
from .wire import Response, read_response

MAX_ASSETS = 500
PAGE_INTERVAL = 1.0


class GetClient:
    """GETs with `Connection: close`, each on a new connection."""

    kind = "get"

    def __init__(self, session: Session) -> None:
        """Ask the profile's paths in turn."""
        self._session = session
        self._paths = cycle(session.settings.profile.get_paths)

    async def __call__(self, due: float) -> None:
        """One GET."""
        path, session = next(self._paths), self._session
        profile = session.settings.profile
        await session.judge(
            self.kind,
            path,
            due,
            lambda: session.fetch_once("GET", path),
            lambda response: expect_get(response, path, profile),
        )


class KeepAliveClient:
    """GETs over connections that the client keeps, used in turn.

    When a used connection turns out to be closed before a byte of the answer came, a browser asks once more on a new
    one; so does this, and counts it. On a new connection nothing is asked again.
    """

    kind = "keepalive"

    def __init__(self, session: Session) -> None:
        """A pool without connections."""
        self._session = session
        self._paths = cycle(session.settings.profile.get_paths)
        self._idle: deque[Link] = deque()
        self._open = self._opened = self._reused_closed = self._idle_closed = 0

    async def __call__(self, due: float) -> None:
        """One GET."""
        path, profile = next(self._paths), self._session.settings.profile
        await self._session.judge(
            self.kind, path, due, lambda: self._fetch(path), lambda response: expect_get(response, path, profile)
        )

    async def _fetch(self, path: str) -> Response:
        if link := self._used_link():
            try:
                return await self._exchange(link, path)
            except NoAnswer:
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
        """What happened to the connections."""
        return KeepAliveReport(self._opened, self._reused_closed, self._idle_closed)


class PaymentClient:
    """POSTs of payments, each with its own key, never sent twice."""

    kind = "payment"

    def __init__(self, session: Session) -> None:
        """Keys of this run begin with a text of their own, by which the ledger's entries are recognised."""
        self._session = session
        self.prefix = f"load-{uuid4().hex[:12]}-"
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()

    async def __call__(self, due: float) -> None:
        """One payment."""
        session, profile = self._session, self._session.settings.profile
        key = f"{self.prefix}{len(self.sent) + 1}"
        self.sent.add(key)
        body = json.dumps({**profile.payment_body, profile.key_field: key}).encode()
        path = profile.payment_path
        if await session.judge(
            self.kind,
            path,
            due,
            lambda: session.fetch_once("POST", path, body),
            lambda response: self._check(response, key),
        ):
            self.acknowledged.add(key)

    def _check(self, response: Response, key: str) -> None:
        """An answer in time, of the right status, and about this payment."""
        profile = self._session.settings.profile
        expect_success(response)
        if profile.payment_status and response.status != profile.payment_status:
            detail = f"instead of {profile.payment_status}: was it sent twice on its way?"
            raise RequestFailed("status", detail, response.status, response.body)
        if profile.payment_echo and _member(response.body, profile.key_field) != key:
            raise RequestFailed("wrong content", f"the answer does not name {key}", response.status, response.body)


class SlowClient:
    """Requests that take several seconds, so that some are under way at each switch."""

    kind = "slow"

    def __init__(self, session: Session) -> None:
        """Ask the profile's slow path."""
        self._session = session

    async def __call__(self, due: float) -> None:
        """One slow request; an answer that comes too early is a failure, for then nothing was in flight."""
        session, profile = self._session, self._session.settings.profile
        began = session.recorder.now()

        def check(response: Response) -> None:
            expect_success(response)
            took = session.recorder.now() - began
            if took < profile.slow_seconds * 0.9:
                detail = f"after {took:.2f} s instead of {profile.slow_seconds:g} s"
                raise RequestFailed("too early", detail, response.status, response.body)

        await session.judge(
            self.kind,
            profile.slow_path,
            due,
            lambda: session.fetch_once("GET", profile.slow_path),
            check,
            extra=profile.slow_seconds,
        )


class StaticClient:
    """GETs of static files: those of the profile, and all that its pages ever named.

    A page is looked at about once a second. What it names is fetched until the end, also after a switch: so does the
    browser of somebody whose page is an old one.
    """

    kind = "static"

    def __init__(self, session: Session) -> None:
        """Know the profile's files; discover the others on the way."""
        self._session = session
        profile = session.settings.profile
        self._files = deque(profile.static)
        self._known = {file.path for file in profile.static}
        self._pages = cycle(profile.pages) if profile.pages else None
        self._page_due = 0.0
        self._pattern = re.compile(rf"(?:src|href)=[\"']?({re.escape(profile.asset_prefix)}[^\"'\s>?#]+)")

    async def __call__(self, due: float) -> None:
        """One static file, or once in a while one page."""
        if self._pages and (due >= self._page_due or not self._files):
            self._page_due = due + PAGE_INTERVAL
            await self._get(next(self._pages), due, self._discover)
            return
        file = self._files[0]
        self._files.rotate(-1)
        await self._get(file.path, due, lambda response: self._check(file, response))

    async def _get(self, path: str, due: float, check: Check) -> None:
        await self._session.judge(self.kind, path, due, lambda: self._session.fetch_once("GET", path), check)

    def _check(self, file: StaticFile, response: Response) -> None:
        expect_success(response)
        digest = hashlib.sha256(response.body).hexdigest()
        if file.sha256 and digest != file.sha256:
            detail = f"sha256 {digest[:12]} instead of {file.sha256[:12]}"
            raise RequestFailed("wrong content", detail, response.status, response.body)

    def _discover(self, response: Response) -> None:
        expect_success(response)
        found = self._pattern.findall(response.body.decode("utf-8", "replace"))
        if not found:
            prefix = self._session.settings.profile.asset_prefix
            raise RequestFailed(
                "wrong content", f"the page names no file under {prefix}", response.status, response.body
            )
        for path in found:
            if path not in self._known and len(self._known) < MAX_ASSETS:
                self._known.add(path)
                self._files.append(StaticFile(path))

    @property
    def assets(self) -> int:
        """How many different files were asked for."""
        return len(self._known)


def _member(body: bytes, name: str) -> object:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None

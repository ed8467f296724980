"""Which clients use a new connection for each request? GETs, payments and slow requests, one judged request a call."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.support.load.errors import RequestError
from tests.support.load.session import Session, expect_get, expect_success

if TYPE_CHECKING:
    from tests.support.load.wire import Response


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
            fetch=lambda: session.fetch_once("GET", path),
            check=lambda response: expect_get(response, path, profile),
        )


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
            fetch=lambda: session.fetch_once("POST", path, body),
            check=lambda response: self._check(response, key),
        ):
            self.acknowledged.add(key)

    def _check(self, response: Response, key: str) -> None:
        """Accept an answer of the right status that is about this payment."""
        profile = self._session.settings.profile
        expect_success(response)
        if profile.payment_status and response.status != profile.payment_status:
            detail = f"instead of {profile.payment_status}: was it sent twice on its way?"
            raise RequestError("status", detail, response.status, response.body)
        if profile.payment_echo and _member(response.body, profile.key_field) != key:
            raise RequestError("wrong content", f"the answer does not name {key}", response.status, response.body)


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
                raise RequestError("too early", detail, response.status, response.body)

        await session.judge(
            self.kind,
            profile.slow_path,
            due,
            fetch=lambda: session.fetch_once("GET", profile.slow_path),
            check=check,
            extra=profile.slow_seconds,
        )


def _member(body: bytes, name: str) -> object:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None

"""Are the static files there, those of old pages too? GETs of known files and of all that pages ever named."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from itertools import cycle
from typing import TYPE_CHECKING

from tests.support.load.errors import RequestError
from tests.support.load.profiles import StaticFile
from tests.support.load.session import Check, Session, expect_success

if TYPE_CHECKING:
    from tests.support.load.wire import Response

MAX_ASSETS = 500
PAGE_INTERVAL = 1.0


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
        self._pattern = re.compile(rf"(?:src|href)=[\"']?({re.escape(profile.asset_prefix)}[A-Za-z0-9_./@%~+-]+)")

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
        await self._session.judge(
            self.kind, path, due, fetch=lambda: self._session.fetch_once("GET", path), check=check
        )

    def _check(self, file: StaticFile, response: Response) -> None:
        expect_success(response)
        digest = hashlib.sha256(response.body).hexdigest()
        if file.sha256 and digest != file.sha256:
            detail = f"sha256 {digest[:12]} instead of {file.sha256[:12]}"
            raise RequestError("wrong content", detail, response.status, response.body)

    def _discover(self, response: Response) -> None:
        expect_success(response)
        found = self._pattern.findall(response.body.decode("utf-8", "replace"))
        if not found:
            prefix = self._session.settings.profile.asset_prefix
            raise RequestError(
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

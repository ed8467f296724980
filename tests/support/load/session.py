"""How is one request made and judged? The part that every kind of HTTP client shares."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.load.errors import RequestError
from tests.support.load.link import Link, open_link
from tests.support.load.releases import release_of
from tests.support.load.wire import Response, build_request, read_response

if TYPE_CHECKING:
    from tests.support.load.profiles import Profile
    from tests.support.load.recorder import Recorder
    from tests.support.load.settings import Settings

Fetch = Callable[[], Awaitable[Response]]
Check = Callable[[Response], None]


@dataclass(frozen=True)
class Session:
    """The settings and the recorder of one load, handed to every client."""

    settings: Settings
    recorder: Recorder

    def request(self, method: str, path: str, body: bytes = b"", keep: bool = False) -> bytes:
        """Return the bytes of a request to the front, with the site's name and the authorization."""
        headers = self.settings.auth()
        if body:
            headers["Content-Type"] = "application/json"
        host = self.settings.target.host_header
        return build_request(method, path, host=host, headers=headers, body=body, keep=keep)

    async def connect(self) -> Link:
        """Return a new connection to the front."""
        return await open_link(self.settings.target)

    async def fetch_once(self, method: str, path: str, body: bytes = b"") -> Response:
        """One request on a connection of its own, with `Connection: close`. Raises RequestError."""
        link = await self.connect()
        try:
            link.send(self.request(method, path, body))
            return await read_response(link)
        finally:
            link.close()

    async def judge(self, kind: str, path: str, due: float, *, fetch: Fetch, check: Check, extra: float = 0.0) -> bool:
        """Run `fetch`, record what came of it, and say whether it was good.

        The time-out counts from `due` (seconds of the recorder's clock), plus `extra` seconds. `check` raises
        RequestError for an answer that is complete and yet wrong.
        """
        recorder, began = self.recorder, self.recorder.now()
        limit = self.settings.request_timeout + extra
        try:
            async with asyncio.timeout(max(limit - (began - due), 0.0)):
                response = await fetch()
            check(response)
        except TimeoutError:
            recorder.failed(kind, path, RequestError("time-out", f"no complete answer within {limit:g} s"))
        except RequestError as error:
            recorder.failed(kind, path, error)
        except asyncio.CancelledError:
            recorder.failed(kind, path, RequestError("unfinished", "still under way when the load ended"))
            raise
        else:
            self._note_release(response, path, began)
            recorder.succeeded(kind, due)
            return True
        return False

    def _note_release(self, response: Response, path: str, began: float) -> None:
        if release := release_of(response, path, self.settings.profile):
            self.recorder.releases.seen(release, began, self.recorder.now())


def expect_get(response: Response, path: str, profile: Profile) -> None:
    """Accept a good answer to a GET; the health path must also name its release where the profile says so."""
    expect_success(response)
    if profile.release_required and path == profile.health_path and not release_of(response, path, profile):
        detail = f"no {profile.release_header} header and no {profile.release_key!r}: is this the application?"
        raise RequestError("wrong content", detail, response.status, response.body)


def expect_success(response: Response) -> None:
    """Accept 200 to 299. Raises RequestError for any other status; for a redirection it says where to."""
    if not 200 <= response.status < 300:
        where = response.headers.get("location", "")
        raise RequestError("status", f"redirects to {where}" if where else "", response.status, response.body)

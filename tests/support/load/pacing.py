"""When is the next request due? At a constant rate, whatever the answers do (open load)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.load.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.load.recorder import Recorder

FIRST_WITHIN = 0.2


class Pacer:
    """Starts `work(due)` for one kind at a constant rate, never waiting for an answer.

    A closed loop of clients would send less just when the server is slow, and so hide it. Beyond `limit` requests
    under way the next one is not sent but counted as failed.
    """

    def __init__(
        self, kind: str, rate: float, limit: int, recorder: Recorder, work: Callable[[float], Awaitable[object]]
    ):
        """`rate` is in requests a second."""
        self._kind, self._interval, self._limit = kind, 1.0 / rate, limit
        self._recorder, self._work = recorder, work
        self._running: set[asyncio.Task[object]] = set()

    async def run(self, offset: float) -> None:
        """Start requests until cancelled; the first after `offset` (0 to 1) of an interval, to spread the kinds.

        A rare kind begins as soon as the others, or a short load would have none of it.
        """
        due = self._recorder.now() + offset * min(self._interval, FIRST_WITHIN)
        while True:
            if (wait := due - self._recorder.now()) > 0:
                await asyncio.sleep(wait)
            self._start(due)
            due += self._interval

    def _start(self, due: float) -> None:
        if len(self._running) >= self._limit:
            detail = f"not sent: {self._limit} requests are under way already"
            self._recorder.failed(self._kind, "", RequestError("own limit", detail))
            return
        task: asyncio.Task[object] = asyncio.ensure_future(self._work(due))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # A mistake of this program must not look like a request that was never made.
            self._recorder.failed(self._kind, "", RequestError("own error", repr(error)))

    async def drain(self, seconds: float) -> None:
        """Let the requests under way finish; after `seconds` they are cancelled and count as failed."""
        if not self._running:
            return
        _, unfinished = await asyncio.wait(self._running, timeout=seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

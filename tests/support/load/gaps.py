"""How long was there no success? The longest pause between successes, and how much of it was our own stall."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass


@dataclass
class Gap:
    """The longest pause so far between two successes; times in seconds of the load's clock."""

    last: float = 0.0
    longest: float = 0.0
    since: float = 0.0

    def success(self, now: float) -> None:
        """Note a success, which ends a pause."""
        pause = now - self.last
        if pause > self.longest:
            self.longest, self.since = pause, self.last
        self.last = max(self.last, now)


class LagMonitor:
    """Measures when this process itself could not run, by oversleeping of a short timer.

    On a busy machine the load may stall by itself; a gap is then not the server's. The report says how much of the
    longest gap was such a stall, and leaves the judgement to the reader.
    """

    TICK = 0.01

    def __init__(self) -> None:
        """Begin without a stall."""
        self.longest = 0.0
        self._seen: deque[tuple[float, float]] = deque(maxlen=50_000)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(self.TICK)
            lag = loop.time() - before - self.TICK
            self.longest = max(self.longest, lag)
            if lag > self.TICK:
                self._seen.append((before, lag))

    def within(self, since: float, until: float) -> float:
        """Return the longest stall that overlaps the given time, in seconds."""
        return max((lag for at, lag in self._seen if at < until and at + self.TICK + lag > since), default=0.0)

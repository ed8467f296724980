"""What happened so far? The only place where results of all clients meet; everything in seconds of one clock."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.load.gaps import Gap
from tests.support.load.releases import ReleaseTrack
from tests.support.load.report import KEPT_FAILURES, Failure, KindReport, WindowReport

if TYPE_CHECKING:
    from tests.support.load.errors import RequestError

# Kinds whose answers come from the application at a steady rate; see Report.longest_gap_ms.
GAP_KINDS = ("get", "keepalive", "payment")
MAX_WINDOWS = 2_000


@dataclass
class KindRecord:
    """The results of one kind."""

    gap: Gap = field(default_factory=Gap)
    ok: int = 0
    failed: int = 0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    errors: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def report(self) -> KindReport:
        """Return the figures for the report."""
        ordered = sorted(self.latencies)
        return KindReport(
            sent=self.ok + self.failed,
            ok=self.ok,
            failed=self.failed,
            p50_ms=_milliseconds(_percentile(ordered, 0.50)),
            p99_ms=_milliseconds(_percentile(ordered, 0.99)),
            max_ms=_milliseconds(ordered[-1] if ordered else 0.0),
            longest_gap_ms=_milliseconds(self.gap.longest),
            gap_at=round(self.gap.since, 3),
            errors=dict(self.errors),
            failures=self.failures,
        )


@dataclass
class Window:
    """The results since one mark."""

    name: str
    since: float
    ok: int = 0
    failed: int = 0
    gap: Gap = field(default_factory=Gap)

    def report(self, own_stall_ms: float) -> WindowReport:
        """Return the figures for the report."""
        return WindowReport(
            self.name, round(self.since, 3), self.ok, self.failed, _milliseconds(self.gap.longest), own_stall_ms
        )


class Recorder:
    """Collects the results of all clients of one load. Made within the running event loop."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        """Start the clock."""
        self._loop = asyncio.get_running_loop()
        self.origin = self._loop.time()
        self.kinds = {kind: KindRecord() for kind in kinds}
        self.gap = Gap()
        self.releases = ReleaseTrack()
        self.windows = [Window("start", 0.0)]

    def now(self) -> float:
        """Seconds since the load began."""
        return self._loop.time() - self.origin

    def mark(self, name: str) -> None:
        """Begin a new window, from now on."""
        if len(self.windows) < MAX_WINDOWS:
            self.windows.append(Window(name[:200], self.now()))

    def succeeded(self, kind: str, due: float) -> None:
        """Note a success of a request that was due at `due`."""
        now, record, window = self.now(), self.kinds[kind], self.windows[-1]
        record.ok += 1
        record.latencies.append(now - due)
        record.gap.success(now)
        window.ok += 1
        if kind in GAP_KINDS:
            self._steady(now)

    def _steady(self, now: float) -> None:
        """Note a success of a kind that is sent at a steady rate; the gap it ends counts to the present window."""
        window = self.windows[-1]
        window.gap.last = self.gap.last
        window.gap.success(now)
        self.gap.success(now)

    def failed(self, kind: str, path: str, error: RequestError) -> None:
        """Note a failure, with its text if it is one of the first."""
        record = self.kinds[kind]
        record.failed += 1
        record.errors[error.name] += 1
        self.windows[-1].failed += 1
        if len(record.failures) < KEPT_FAILURES:
            body = error.body[:200].decode("utf-8", "replace")
            at = round(self.now(), 3)
            record.failures.append(Failure(at, kind, error.error, path, error.status, error.detail[:300], body))

    def close(self, stopped: float) -> None:
        """Count the silence between the last success and `stopped`, when no more requests were sent."""
        for record in self.kinds.values():
            if record.gap.last < stopped:
                record.gap.success(stopped)
        if self.gap.last < stopped and any(kind in self.kinds for kind in GAP_KINDS):
            self._steady(stopped)

    def progress(self) -> dict[str, object]:
        """Return a small summary for a live display."""
        return {
            "seconds": round(self.now(), 1),
            "ok": sum(record.ok for record in self.kinds.values()),
            "failed": sum(record.failed for record in self.kinds.values()),
            "longest_gap_ms": _milliseconds(self.gap.longest),
            "release": self.releases.current,
        }


def _percentile(ordered: list[float], share: float) -> float:
    """Nearest rank: the smallest value that at least `share` of all do not exceed."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)

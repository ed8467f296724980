"""How do all clients run together? The story of one load: start, run until told to stop, drain, compare, report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from tests.support.load.clients import GetClient, PaymentClient, SlowClient
from tests.support.load.errors import RequestError
from tests.support.load.gaps import Gap, LagMonitor
from tests.support.load.keepalive import KeepAliveClient
from tests.support.load.ledger import compare_ledger
from tests.support.load.pacing import Pacer
from tests.support.load.recorder import Recorder
from tests.support.load.report import LedgerReport, Report
from tests.support.load.session import Session
from tests.support.load.settings import KINDS, WEBSOCKET, Settings
from tests.support.load.sockets import SocketClient, SocketStats
from tests.support.load.static import StaticClient

# Seconds for the last connections to say goodbye, in TLS a round trip, before the event loop may end.
CLOSING = 0.1
Watcher = Callable[["Run"], None]


async def run_load(settings: Settings, stop: asyncio.Event, watch: Watcher | None = None) -> Report:
    """Put load on the target until `stop` is set or the settings' time is over, and judge it.

    `watch` gets the run when it has begun: to set marks, and to see its progress. Requests under way when the load
    ends are waited for.
    """
    run = Run(settings)
    if watch:
        watch(run)
    return await run.until(stop)


class Run:
    """One load under way. Made within the running event loop."""

    def __init__(self, settings: Settings) -> None:
        """Set up the clients; nothing is sent yet."""
        settings.target.tls_context()  # made now: reading the trusted certificates would be the load's first stall
        kinds = tuple(kind for kind in KINDS if settings.rate_of(kind))
        sockets = settings.websocket_clients()
        self._settings = settings
        self.recorder = Recorder((*kinds, WEBSOCKET) if sockets else kinds)
        session = Session(settings, self.recorder)
        self._session = session
        self._lag, self._stats, self._stop = LagMonitor(), SocketStats(), asyncio.Event()
        self._keepalive, self._payments, self._static = (
            KeepAliveClient(session),
            PaymentClient(session),
            StaticClient(session),
        )
        clients = (GetClient(session), self._keepalive, self._payments, SlowClient(session), self._static)
        self._pacers = [
            Pacer(client.kind, settings.rate_of(client.kind), settings.max_in_flight, self.recorder, client)
            for client in clients
            if client.kind in kinds
        ]
        self._sockets = [SocketClient(session, self._stats, self._stop) for _ in range(sockets)]

    @property
    def ready(self) -> bool:
        """Whether each kind has had a result and each WebSocket its first reply or refusal."""
        return all(record.ok or record.failed for record in self.recorder.kinds.values()) and all(
            client.settled for client in self._sockets
        )

    async def until(self, stop: asyncio.Event) -> Report:
        """Run until `stop` or the end of the time; then drain and report."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        lag = asyncio.create_task(self._lag.run())
        sockets = [asyncio.create_task(client.run(at * 0.02)) for at, client in enumerate(self._sockets)]
        share = 1 / (len(self._pacers) + 1)
        pacing = [asyncio.create_task(pacer.run((at + 1) * share)) for at, pacer in enumerate(self._pacers)]
        try:
            await self._wait(stop, pacing)
            stopped = self.recorder.now()
            await _cancel(pacing)
            await self._drain(sockets)
        finally:
            await _cancel([lag, *pacing, *sockets])
        self.recorder.close(stopped)
        ended_by = "stop" if stop.is_set() else "time"
        ledger = await self._ledger()
        await asyncio.sleep(CLOSING)
        return self._report(started, stopped, ended_by, ledger)

    async def _wait(self, stop: asyncio.Event, pacing: list[asyncio.Task[None]]) -> None:
        stopping = asyncio.create_task(stop.wait())
        # A pacer never ends by itself: if one does, it failed, and so does the load.
        done, _ = await asyncio.wait(
            {stopping, *pacing}, timeout=self._settings.seconds, return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()
        for task in done - {stopping}:
            task.result()

    async def _drain(self, sockets: list[asyncio.Task[None]]) -> None:
        """Let requests finish and closed WebSockets come back, within the bounds that the settings imply."""
        self._stop.set()
        await asyncio.gather(*(pacer.drain(self._settings.drain_requests()) for pacer in self._pacers))
        self._keepalive.close()
        if not sockets:
            return
        done, late = await asyncio.wait(sockets, timeout=self._settings.drain_websockets())
        for task in done:
            task.result()
        for _ in late:
            self.recorder.failed(
                WEBSOCKET, "", RequestError("unfinished", "neither open nor closed when the load ended")
            )

    async def _ledger(self) -> LedgerReport:
        payments = self._payments
        if not (self._settings.profile.ledger_path and payments.sent):
            return LedgerReport()
        return await compare_ledger(self._session, payments.prefix, payments.sent, payments.acknowledged)

    def _report(self, started: str, stopped: float, ended_by: str, ledger: LedgerReport) -> Report:
        recorder, target = self.recorder, self._settings.target
        gap = recorder.gap
        return Report(
            target=f"{target.address}:{target.port}",
            host_header=target.host_header,
            profile=self._settings.profile.name,
            started_at=started,
            seconds=round(stopped, 3),
            ended_by=ended_by,
            kinds={kind: record.report() for kind, record in recorder.kinds.items()},
            longest_gap_ms=round(gap.longest * 1000, 1),
            gap_at=round(gap.since, 3),
            own_stall_ms=self._own_stall(gap),
            worst_own_stall_ms=round(self._lag.longest * 1000, 1),
            keepalive=self._keepalive.report(),
            websockets=self._stats.report(),
            ledger=ledger,
            releases=[(round(at, 3), release) for at, release in recorder.releases.switches],
            release_counts=dict(recorder.releases.counts),
            windows=[window.report(self._own_stall(window.gap)) for window in recorder.windows],
            assets=self._static.assets,
        )

    def _own_stall(self, gap: Gap) -> float:
        """Return how long this process itself stood still within the gap, in milliseconds."""
        since = self.recorder.origin + gap.since
        return round(self._lag.within(since, since + gap.longest) * 1000, 1)


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

"""What can be measured? Counts come from this instance's processes, totals from the database."""

import os
import time
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.identity import identity
from ledger.payments import count

REQUESTS = Counter("http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("http_request_seconds", "Time to answer", ["route"], buckets=(0.01, 0.05, 0.1, 0.3, 1, 3, 10, 30))
PAYMENTS = Counter("payments", "Payment requests by result", ["result"])
SOCKETS = Gauge("websocket_connections", "Open notification sockets", multiprocess_mode="livesum")


class MeasureRequests:
    """Counts every answer by route (the pattern, never the address: labels must stay few)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def count_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unresolved")
                REQUESTS.labels(scope["method"], route, message["status"]).inc()
                SECONDS.labels(route).observe(time.perf_counter() - begun)
            await send(message)

        await self.app(scope, receive, count_and_send)


class Facts(Collector):
    """What is true at the moment of the scrape: who answers, and what the database holds."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def collect(self) -> Iterator[Metric]:
        who = {name: str(value) for name, value in identity().items()}
        build = GaugeMetricFamily("build_info", "What is running", labels=["version", "release", "commit", "instance"])
        build.add_metric([who["version"], who["release"], who["commit"], who["instance"]], 1)
        yield build
        try:
            with Session(self.engine) as session:
                yield GaugeMetricFamily("ledger_entries", "Executed payments", value=count(session))
        except SQLAlchemyError:
            yield GaugeMetricFamily("database_up", "Whether the database answered", value=0)
        else:
            yield GaugeMetricFamily("database_up", "Whether the database answered", value=1)


def read(engine: Engine) -> bytes:
    """Return everything in the text format of Prometheus."""
    registry: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    facts = CollectorRegistry()
    facts.register(Facts(engine))
    return generate_latest(registry) + generate_latest(facts)

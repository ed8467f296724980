"""What can be measured, and how is it read? Counts come from this instance's processes, totals from the database."""

import os
from collections.abc import Iterator

from dashboard.identity import identity
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from jobs.models import Job
from payments.models import LedgerEntry
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

REQUESTS = Counter("http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("http_request_seconds", "Time to answer", ["route"], buckets=(0.01, 0.05, 0.1, 0.3, 1, 3, 10, 30))
PAYMENTS = Counter("payments", "Payment requests by result", ["result"])
MESSAGES = Counter("sms_messages", "Messages handed to the SMS gateway by result", ["result"])
SOCKETS = Gauge("websocket_connections", "Open notification sockets", multiprocess_mode="livesum")


class Facts(Collector):
    """What is true at the moment of the scrape: who answers, and what the database holds."""

    def collect(self) -> Iterator[Metric]:
        """Yield the build, the rows, and whether the database answered."""
        who = identity()
        build = GaugeMetricFamily("build_info", "What is running", labels=["version", "release", "commit", "instance"])
        build.add_metric([who["version"], who["release"], who["commit"], who["instance"]], 1)
        yield build
        try:
            rows = {"ledger_entries": LedgerEntry.objects.count(), "jobs_pending": Job.pending().count()}
        except Error:
            rows = {}
        yield GaugeMetricFamily("database_up", "Whether the database answered", value=1 if rows else 0)
        for name, value in rows.items():
            yield GaugeMetricFamily(name, name.replace("_", " ").capitalize(), value=value)


def read() -> bytes:
    """Return everything in the text format of Prometheus."""
    registry: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    facts = CollectorRegistry()
    facts.register(Facts())
    return generate_latest(registry) + generate_latest(facts)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape."""
    return HttpResponse(read(), content_type=CONTENT_TYPE_LATEST)

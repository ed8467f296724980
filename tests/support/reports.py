"""What is a report of a run, for tests of what is shown and written of it?"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from namaskah_deploy import report
from namaskah_deploy.report import Part, Report
from namaskah_deploy.request import Kind, Request

MOMENT = datetime(2026, 11, 23, 21, tzinfo=UTC)


def made(of: Part, recovery: Part | None = None, **words: Any) -> Report:
    """Return the report of a run that began at MOMENT and took 90.5 seconds."""
    return Report(
        run="run-1",
        request=(
            request := Request(kind=Kind.DEPLOY, environment="production", ref="v2", by="ada@laptop", reason="due")
        ),
        words=dataclasses.asdict(request),
        started=MOMENT,
        ended=MOMENT + timedelta(seconds=90.5),
        part=of,
        recovery=recovery,
        facts=report.facts(of),
        **{"exit_code": 0, "headline": "deploy of production", **words},
    )

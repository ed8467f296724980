"""How does a check end? Each is asked until it is good or the patience of all is used up; all are reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any


class CheckFailed(Exception):  # noqa: N818 - an outcome that is expected, not a defect
    """The thing looked at is not as it should be; the text says what was seen, what was wanted and what may help."""


@dataclass(frozen=True)
class Check:
    """One question with a name. `ask` returns what was seen, or raises CheckFailed."""

    name: str
    ask: Callable[[], str]
    retry: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of one check. `milliseconds` covers all its tries."""

    name: str
    ok: bool
    detail: str
    milliseconds: int


@dataclass(frozen=True)
class Patience:
    """How long failing checks are asked again: `seconds` for all of a run together, `interval` between two tries."""

    seconds: float
    interval: float = 0.5


def run_checks(checks: Iterable[Check], patience: Patience) -> list[Outcome]:
    """Ask every check, each at least once; a failing one again until it is good or the patience of all is used up."""
    end = time.monotonic() + patience.seconds
    return [_run(check, end, patience.interval) for check in checks]


def _run(check: Check, end: float, interval: float) -> Outcome:
    began = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            detail, ok = check.ask(), True
        except CheckFailed as failure:
            detail, ok = str(failure), False
        if ok or not check.retry or time.monotonic() + interval > end:
            counted = f"{detail} (try {tries})" if tries > 1 else detail
            return Outcome(check.name, ok, counted, round((time.monotonic() - began) * 1000))
        time.sleep(interval)


def fail(failure: CheckFailed) -> str:
    """Be the question of a check that has failed before it could be asked."""
    raise failure


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the result of a module: every check, and how many were good and bad."""
    passed = sum(outcome.ok for outcome in outcomes)
    return {
        "checks": [asdict(outcome) for outcome in outcomes],
        "passed": passed,
        "failed": len(outcomes) - passed,
    }

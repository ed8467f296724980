"""What did the load find? A plain value: as dataclasses, as JSON, and (in `table`) as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tests.support.load.table import as_text

SCHEMA = 1
KEPT_FAILURES = 20


@dataclass(frozen=True)
class Failure:
    """One failed request. `at` is in seconds since the load began; `body` is the beginning of the answer."""

    at: float
    kind: str
    error: str
    path: str = ""
    status: int | None = None
    detail: str = ""
    body: str = ""


@dataclass(frozen=True)
class KindReport:
    """One kind of client. `sent == ok + failed`. Latencies count from when a request was due, in milliseconds."""

    sent: int = 0
    ok: int = 0
    failed: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    longest_gap_ms: float = 0.0
    gap_at: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class KeepAliveReport:
    """What happened to client keep-alive connections between requests.

    `reused_closed`: a request was sent on a used connection that ended without a byte of an answer; it was asked once
    more on a new connection, as a browser does with a GET. `idle_closed`: the close was seen before anything was sent.
    """

    opened: int = 0
    reused_closed: int = 0
    idle_closed: int = 0


@dataclass(frozen=True)
class WebSocketReport:
    """WebSocket clients. `codes` counts the close codes received (1006: ended without a close frame).

    `back_in_time` of `closed` were open and answering again within `Settings.back_within`; `slowest_back_ms` is the
    longest absence. A connection cut again before its first answer is the same absence, but another code.
    `refused_while_away` counts handshakes that failed during that allowed time, `unanswered` the
    messages whose connection ended before the reply.
    """

    opened: int = 0
    closed: int = 0
    back: int = 0
    back_in_time: int = 0
    slowest_back_ms: float = 0.0
    refused_while_away: int = 0
    unanswered: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def share_back(self) -> float:
        """The share of closed connections that were back in time, 0 to 1; 1 where none was closed."""
        return self.back_in_time / self.closed if self.closed else 1.0


@dataclass(frozen=True)
class LedgerReport:
    """The acknowledged payments against the server's own ledger; lists hold the first keys, counts all.

    `missing` (acknowledged and not executed), `duplicates` (executed more than once) and `unknown` (executed with a
    key of this run that was never sent) are faults. `unacknowledged` (executed, but the client got no good answer) is
    the consequence of failed requests, listed for reconciliation.
    """

    checked: bool = False
    error: str = ""
    acknowledged: int = 0
    executed: int = 0
    missing: int = 0
    duplicates: int = 0
    unknown: int = 0
    unacknowledged: int = 0
    missing_keys: list[str] = field(default_factory=list)
    duplicate_keys: list[str] = field(default_factory=list)
    unknown_keys: list[str] = field(default_factory=list)
    unacknowledged_keys: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Payments that are wrong, and one if the ledger could not be read."""
        return self.missing + self.duplicates + self.unknown + bool(self.error)


@dataclass(frozen=True)
class WindowReport:
    """The part of the load between two marks (a deploy, a rollback): what ended in it.

    The longest gap is as in Report; it counts to the window in which it ended.
    """

    name: str
    since: float
    ok: int = 0
    failed: int = 0
    longest_gap_ms: float = 0.0
    own_stall_ms: float = 0.0


@dataclass(frozen=True)
class Report:
    """The whole finding. `failed` is the judgement: 0 or not.

    `longest_gap_ms` is the longest pause between two successes of the kinds that the application itself answers at a
    steady rate (get, keepalive, payment): static files come from nginx and would hide an application that stands
    still. `own_stall_ms` is the longest stall of the load's own process within that gap, `worst_own_stall_ms` at all.
    `releases` lists each switch seen, as (seconds, release). `ended_by` is `stop`, or `time` when the bound ended it.
    """

    target: str
    host_header: str
    profile: str
    started_at: str
    seconds: float
    ended_by: str
    kinds: dict[str, KindReport]
    longest_gap_ms: float = 0.0
    gap_at: float = 0.0
    own_stall_ms: float = 0.0
    worst_own_stall_ms: float = 0.0
    keepalive: KeepAliveReport = field(default_factory=KeepAliveReport)
    websockets: WebSocketReport = field(default_factory=WebSocketReport)
    ledger: LedgerReport = field(default_factory=LedgerReport)
    releases: list[tuple[float, str]] = field(default_factory=list)
    release_counts: dict[str, int] = field(default_factory=dict)
    windows: list[WindowReport] = field(default_factory=list)
    assets: int = 0
    schema: int = SCHEMA

    @property
    def sent(self) -> int:
        """All requests and WebSocket messages."""
        return sum(kind.sent for kind in self.kinds.values())

    @property
    def silent(self) -> list[str]:
        """Return the kinds that were wanted and of which nothing was sent: they prove nothing."""
        return [name for name, kind in self.kinds.items() if not kind.sent]

    @property
    def failed(self) -> int:
        """Return failed requests, absent WebSockets, wrong payments, and kinds of which nothing was sent, together."""
        return sum(kind.failed for kind in self.kinds.values()) + self.ledger.failed + len(self.silent)

    @property
    def failures(self) -> list[Failure]:
        """The first failures of each kind, by time."""
        return sorted((one for kind in self.kinds.values() for one in kind.failures), key=lambda one: one.at)

    @property
    def release_sequence(self) -> list[str]:
        """The releases in the order in which they answered."""
        return [release for _, release in self.releases]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the derived figures."""
        data = asdict(self)
        data["sent"], data["failed"] = self.sent, self.failed
        data["websockets"]["share_back"] = self.websockets.share_back
        return data

    def to_json(self, indent: int | None = 2) -> str:
        """Return the report as a JSON document."""
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """Return the inverse of `to_dict`."""
        plain = {item.name: data[item.name] for item in fields(cls)}
        plain["kinds"] = {name: _kind(entry) for name, entry in data["kinds"].items()}
        plain["keepalive"] = KeepAliveReport(**data["keepalive"])
        websockets = {key: value for key, value in data["websockets"].items() if key != "share_back"}
        plain["websockets"] = WebSocketReport(**websockets)
        plain["ledger"] = LedgerReport(**data["ledger"])
        plain["releases"] = [(float(at), str(release)) for at, release in data["releases"]]
        plain["windows"] = [WindowReport(**entry) for entry in data["windows"]]
        return cls(**plain)

    def __str__(self) -> str:
        """Return the readable table."""
        return as_text(self)


def _kind(entry: dict[str, Any]) -> KindReport:
    return KindReport(**{**entry, "failures": [Failure(**failure) for failure in entry["failures"]]})

"""How much load, of which kinds, for how long? Checked once, and carried to the load's own process as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tests.support.load.profiles import Profile, StaticFile
from tests.support.load.target import Target

KINDS = ("get", "keepalive", "payment", "slow", "static")
WEBSOCKET = "websocket"
DRAIN_MARGIN = 5.0
# What may stand in a request as it is: a line break would end the header.
LEGAL_PATH = re.compile(r"/[!-~]*")
LEGAL_HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]+")
# Bounds of a single run: what a mistyped option may cost at most.
MAX_RATE = 1_000.0
MAX_REQUESTS = 5_000_000
MAX_SECONDS = 6 * 3600.0
MAX_WEBSOCKETS = 500


class SettingsError(ValueError):
    """The wanted load is out of bounds or makes no sense; the text names the option."""


@dataclass(frozen=True)
class Rates:
    """Requests a second of each kind, sent at that rate whatever the answers do (open load)."""

    get: float = 15.0
    keepalive: float = 15.0
    payment: float = 10.0
    slow: float = 0.5
    static: float = 10.0

    @classmethod
    def of_total(cls, total: float) -> Rates:
        """Share `total` requests a second among the kinds; the slow ones keep their own small rate."""
        rest = max(total - cls.slow, 0.0)
        return cls(get=rest * 0.3, keepalive=rest * 0.3, payment=rest * 0.2, static=rest * 0.2)

    def total(self) -> float:
        """All requests a second."""
        return self.get + self.keepalive + self.payment + self.slow + self.static


@dataclass(frozen=True)
class Settings:
    """One load. Times are in seconds.

    `token` is the secret of the authorization header (empty: none is sent). `request_timeout` bounds a request from
    the moment it was due; slow requests get `Profile.slow_seconds` more. `websocket_timeout` bounds a handshake and a
    reply; `back_within` is how soon a closed WebSocket must be back.
    """

    target: Target
    profile: Profile
    seconds: float = 3600.0
    rates: Rates = field(default_factory=Rates)
    websockets: int = 10
    token: str = field(default="", repr=False)
    keepalive_connections: int = 8
    request_timeout: float = 10.0
    websocket_timeout: float = 5.0
    websocket_interval: float = 1.0
    back_within: float = 5.0
    max_in_flight: int = 400

    def __post_init__(self) -> None:
        """Refuse what is out of bounds."""
        _check(
            bool(LEGAL_HOST.fullmatch(self.target.host_header)), f"host header {self.target.host_header!r}: not a name"
        )
        for path in self._paths():
            _check(bool(LEGAL_PATH.fullmatch(path)), f"path {path!r}: expected /... without spaces")
        _check(0 < self.seconds <= MAX_SECONDS, f"seconds: {self.seconds:g} is not within 0 and {MAX_SECONDS:g}")
        for kind in KINDS:
            rate = getattr(self.rates, kind)
            _check(0 <= rate <= MAX_RATE, f"rate of {kind}: {rate:g} is not within 0 and {MAX_RATE:g} a second")
        _check(
            self.rates.total() * self.seconds <= MAX_REQUESTS,
            f"{self.rates.total():g} requests a second for {self.seconds:g} s exceed {MAX_REQUESTS} requests",
        )
        _check(
            0 <= self.websockets <= MAX_WEBSOCKETS,
            f"websockets: {self.websockets} is not within 0 and {MAX_WEBSOCKETS}",
        )
        _check(1 <= self.keepalive_connections <= 200, "keepalive_connections: expected 1 to 200")
        _check(1 <= self.max_in_flight <= 2_000, "max_in_flight: expected 1 to 2000")
        _check(
            any(self.rate_of(kind) for kind in KINDS) or self.websocket_clients() > 0, "nothing to do: every rate is 0"
        )

    def _paths(self) -> list[str]:
        profile = self.profile
        single = (profile.health_path, profile.payment_path, profile.ledger_path, profile.slow_path)
        files = [file.path for file in profile.static]
        return [path for path in (*single, profile.websocket_path, *profile.get_paths, *profile.pages, *files) if path]

    def rate_of(self, kind: str) -> float:
        """Return requests a second of `kind`; 0 where the profile has no path for it."""
        profile = self.profile
        wanted = {
            "get": profile.get_paths,
            "keepalive": profile.get_paths,
            "payment": profile.payment_path,
            "slow": profile.slow_path,
            "static": profile.static or profile.pages,
        }
        return float(getattr(self.rates, kind)) if wanted[kind] else 0.0

    def websocket_clients(self) -> int:
        """WebSocket clients; 0 where the profile has no path for them."""
        return self.websockets if self.profile.websocket_path else 0

    def auth(self) -> dict[str, str]:
        """Return the authorization header, or nothing without a token."""
        return {self.profile.auth_header: self.profile.auth_value.format(token=self.token)} if self.token else {}

    def drain_requests(self) -> float:
        """Return how long requests under way may still take after the end, in seconds."""
        return self.request_timeout + self.profile.slow_seconds + DRAIN_MARGIN

    def drain_websockets(self) -> float:
        """Return how long WebSockets may take to come back and close after the end, in seconds."""
        return self.back_within + 3 * self.websocket_timeout + DRAIN_MARGIN

    def to_json(self) -> str:
        """One line of JSON, secret included: for a pipe, never for a file or a log."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Return the inverse of `to_json`."""
        data: dict[str, Any] = json.loads(text)
        profile = data.pop("profile")
        static = tuple(StaticFile(**entry) for entry in profile.pop("static"))
        names = {item.name for item in fields(Profile) if isinstance(profile.get(item.name), list)}
        profile.update({name: tuple(profile[name]) for name in names})
        return cls(
            target=Target(**data.pop("target")),
            profile=Profile(static=static, **profile),
            rates=Rates(**data.pop("rates")),
            **data,
        )


def _check(good: bool, message: str) -> None:
    if not good:
        raise SettingsError(message)

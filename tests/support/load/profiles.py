"""Which paths, bodies and answers does the application under load have? One value object an application."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class StaticFile:
    """A static file that must be served all the time; `sha256` (hex) where its content must never change."""

    path: str
    sha256: str | None = None


@dataclass(frozen=True)
class Profile:
    """What to ask of one application. An empty path switches its kind of client off.

    `get_paths` are asked in turn by both kinds of GET. `pages` are HTML pages whose assets (everything they name
    under `asset_prefix`) are fetched from then on until the end, as a browser with an old page open would.
    `payment_body` is sent with the unique key added under `key_field`. Where `payment_status` is set, only that status
    is good: an application that answers repetitions with another one thereby shows that a proxy sent a payment twice.
    With `payment_echo` the answer must name the key under `key_field`, so that no page of another site passes.
    The ledger is JSON whose list (the document itself, or its member `ledger_list`) has one object with `ledger_key`
    for each executed payment. `{after}` in `ledger_path` makes it read page by page: it stands for the `ledger_cursor`
    of the last entry read, and an empty page is the end.
    `slow_seconds` is how long the slow path takes by itself: an answer that comes earlier proves nothing and fails.
    `release_header`, or `release_key` as a member of the JSON answers of the health, payment and slow paths, names the
    running release; with `release_required` a good answer of `health_path` without it is a failure.
    """

    name: str
    health_path: str = "/healthz"
    get_paths: tuple[str, ...] = ("/healthz",)
    payment_path: str = ""
    payment_body: Mapping[str, Any] = field(default_factory=dict)
    payment_status: int | None = None
    payment_echo: bool = False
    key_field: str = "idempotency_key"
    ledger_path: str = ""
    ledger_list: str = ""
    ledger_key: str = "idempotency_key"
    ledger_cursor: str = "id"
    slow_path: str = ""
    slow_seconds: float = 3.0
    static: tuple[StaticFile, ...] = ()
    pages: tuple[str, ...] = ()
    asset_prefix: str = "/static/"
    websocket_path: str = ""
    websocket_message: Mapping[str, Any] | None = None
    websocket_reply: Mapping[str, Any] = field(default_factory=dict)
    auth_header: str = "Authorization"
    auth_value: str = "Bearer {token}"
    release_header: str = "X-Release"
    release_key: str = "release"
    release_required: bool = False


DASHBOARD = Profile(
    name="dashboard",
    payment_path="/api/payments",
    payment_body={"amount": 100},
    payment_status=201,
    payment_echo=True,
    ledger_path="/api/ledger?after={after}",
    ledger_list="entries",
    ledger_key="key",
    slow_path="/api/slow?seconds=3",
    pages=("/login",),
    websocket_path="/ws/notifications",
    websocket_message={"type": "ping"},
    websocket_reply={"type": "pong"},
    release_required=True,
)
# The other sample answers the same API; its page is open to all.
LEDGER = replace(DASHBOARD, name="ledger", pages=("/",))
# A site of which nothing is known but its health address.
PLAIN = Profile(name="plain")

PROFILES = {profile.name: profile for profile in (DASHBOARD, LEDGER, PLAIN)}

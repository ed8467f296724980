"""How do these tests make a short load? The sample application's profile, with small times."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.support.load import DASHBOARD, Profile, Rates, Report, Settings, resolve_target, run_load

if TYPE_CHECKING:
    from tests.support.load.trial_site import Site

NOTHING = Rates(get=0, keepalive=0, payment=0, slow=0, static=0)
PROFILE = replace(DASHBOARD, slow_path="/api/slow?seconds=0.5", slow_seconds=0.5)


def settings(site: Site, profile: Profile = PROFILE, **changes: Any) -> Settings:
    """Return settings for a short load of every kind, with `changes`."""
    values: dict[str, Any] = {"seconds": 1.0, "websockets": 2, "request_timeout": 3.0, "websocket_interval": 0.2}
    return Settings(target=resolve_target(f"http://127.0.0.1:{site.port}"), profile=profile, **{**values, **changes})


def only(site: Site, kind: str, rate: float = 20.0, **changes: Any) -> Settings:
    """Return settings for a load of one kind."""
    return settings(site, **{"rates": replace(NOTHING, **{kind: rate}), "websockets": 0, **changes})


def sockets(site: Site, clients: int = 4, **changes: Any) -> Settings:
    """Return settings for a load of WebSockets alone."""
    return settings(site, **{"rates": NOTHING, "websockets": clients, **changes})


def load(wanted: Settings) -> Report:
    """Run a load to the end of its time, in this process."""
    return asyncio.run(run_load(wanted, asyncio.Event()))

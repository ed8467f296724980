"""When has a server left, and when is it back? Only when the balancer shows it, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible.module_utils.namaskah_host.failure import Failure

from .view import Balancer, View

PAUSE = 0.1  # seconds between two looks
CALM = 5  # so many looks in a row must show the same: a request may be on its way between two of them


@dataclass(frozen=True)
class Bounds:
    """`drain`: seconds for open sessions to end. `close`: go on with what is still open then. `back`: seconds."""

    drain: float
    close: bool
    back: float


def look(balancer: Balancer, server: str) -> View:
    """Return what is shown of a server that is about to leave; raises Failure (refused) where it must not."""
    view = balancer.see()
    if view.wanted and view.others == 0:
        raise Failure(
            "refused",
            "leave the balancer",
            server,
            "no other server of the balancer is in service and healthy: nothing would be left to serve",
            "bring another host back first, and let namaskah_waves leave some in service, such as 1",
        )
    return view


def await_drained(balancer: Balancer, server: str, bounds: Bounds) -> View:
    """Return what is shown when the server is drained, or its time is over and `close` allows it.

    Raises Failure (timeout) with what is still open.
    """
    view = _until(balancer, bounds.drain, lambda view: view.drained)
    if view.drained or (bounds.close and not view.wanted):
        return view
    raise Failure(
        "timeout",
        "leave the balancer",
        server,
        f"after {bounds.drain:g} s the balancer shows {view.words}, {view.sessions} sessions open",
        "give balancer_drain more seconds, or set balancer_open_sessions: close where the rest are WebSockets, "
        "which the application itself closes when it stops",
    )


def await_health(balancer: Balancer, server: str, bounds: Bounds) -> View:
    """Return what is shown when the server is healthy again; raises Failure (timeout, unhealthy)."""
    view = _until(balancer, bounds.back, lambda view: view.healthy)
    if view.healthy:
        return view
    raise Failure(
        "unhealthy" if view.faulty else "timeout",
        "come back to the balancer",
        server,
        f"after {bounds.back:g} s the balancer shows {view.words}",
        "ask the host as the balancer does, then run `namaskah-deploy recover`",
    )


def _until(balancer: Balancer, seconds: float, holds: Callable[[View], bool]) -> View:
    end = time.monotonic() + seconds
    calm = 0
    while True:
        view = balancer.see()
        calm = calm + 1 if holds(view) else 0
        if calm >= CALM or time.monotonic() >= end:
            return view
        time.sleep(PAUSE)

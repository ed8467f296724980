"""What happens when a server process starts and stops serving? (ASGI specification, "Lifespan Protocol")."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from dashboard.identity import identity

log = logging.getLogger("dashboard")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def start_up() -> None:
    """Say who is about to serve; an error here keeps the process from serving."""
    log.info("serving %(version)s, release %(release)s, instance %(instance)s, pid %(pid)s", identity())


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer the server's start and stop messages."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                start_up()
            except Exception as error:  # noqa: BLE001  the protocol wants the reason, the server ends the process
                await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return

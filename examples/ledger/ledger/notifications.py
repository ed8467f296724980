"""What does an open notification socket say and understand?"""

import contextlib
import json
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from ledger.access import known_origin, knows
from ledger.identity import identity
from ledger.metrics import SOCKETS

router = APIRouter()


class Listeners:
    """The sockets of this process that may know of payments. Other processes have their own: enough for a sample."""

    def __init__(self) -> None:
        self.sockets: set[WebSocket] = set()

    async def tell(self, message: dict[str, Any]) -> None:
        """Send to all; one that is gone stops nobody."""
        for socket in list(self.sockets):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await socket.send_json(message)


@router.websocket("/ws/notifications")
async def notifications(socket: WebSocket) -> None:
    """Greet everybody and answer pings; tell payments only to who sent the token."""
    if not known_origin(socket.headers):
        await socket.close()
        return
    await socket.accept()
    listeners: Listeners = socket.app.state.listeners
    SOCKETS.inc()
    try:
        await socket.send_json({"type": "status", "status": "connected", **identity()})
        while True:
            await socket.send_json(answer(socket, listeners, await socket.receive_text()))
    except WebSocketDisconnect:
        pass
    finally:
        SOCKETS.dec()
        listeners.sockets.discard(socket)


def answer(socket: WebSocket, listeners: Listeners, text: str) -> dict[str, Any]:
    """Return the answer to one message; what is not understood gets an error and keeps its socket."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "ping":
        return {"type": "pong", "release": identity()["release"], "echo": content.get("echo")}
    if kind == "authenticate" and knows(str(content.get("token", ""))):
        listeners.sockets.add(socket)
        return {"type": "authenticated", "as": "service"}
    if kind == "authenticate":
        return {"type": "error", "error": "the token is not known"}
    return {"type": "error", "error": 'send {"type": "ping"} or {"type": "authenticate"}'}

"""What does an open notification socket say and understand?"""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from common.api import RefusedError, bearer
from common.metrics import SOCKETS
from dashboard.identity import identity
from django.contrib.auth.models import User

PAYMENTS_GROUP = "payments"


class Notifications(AsyncJsonWebsocketConsumer):
    """Greets everybody and answers pings; tells payments only to who has logged in or sent a token."""

    async def connect(self) -> None:
        """Accept, and say who answers."""
        await self.accept()
        SOCKETS.inc()
        self.counted = True
        if isinstance(self.scope.get("user"), User):
            await self.channel_layer.group_add(PAYMENTS_GROUP, self.channel_name)
        await self.send_json({"type": "status", "status": "connected", **identity()})

    async def disconnect(self, code: int) -> None:
        """Leave; a socket that was never accepted was never counted."""
        if getattr(self, "counted", False):
            SOCKETS.dec()
        await self.channel_layer.group_discard(PAYMENTS_GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Answer one message; what is not JSON gets an error and keeps its socket."""
        try:
            content = await self.decode_json(text_data or "")
        except ValueError:
            content = None
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "ping":
            await self.send_json({"type": "pong", "release": identity()["release"], "echo": content.get("echo")})
        elif kind == "authenticate":
            await self.authenticate(str(content.get("token", "")))
        else:
            await self.send_json({"type": "error", "error": 'send {"type": "ping"} or {"type": "authenticate"}'})

    async def authenticate(self, token: str) -> None:
        """Let a script in by its token."""
        try:
            name = await database_sync_to_async(bearer)(token)
        except RefusedError as refusal:
            await self.send_json({"type": "error", "error": str(refusal)})
            return
        await self.channel_layer.group_add(PAYMENTS_GROUP, self.channel_name)
        await self.send_json({"type": "authenticated", "as": name})

    async def payment_executed(self, event: dict[str, Any]) -> None:
        """Pass on what the payments sent to the group."""
        await self.send_json({"type": "payment", "payment": event["payment"]})

"""Does the socket greet, answer, and tell payments only to who may know them?"""
# ruff: noqa: PT009  Django's runner runs this, and these assertions show both sides there

import os
from unittest import mock

from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from dashboard.asgi import application
from django.test import TransactionTestCase, override_settings
from notifications.consumer import PAYMENTS_GROUP

PAYMENT = {"type": "payment.executed", "payment": {"id": 1}}


@override_settings(API_TOKEN="token")
class Notifications(TransactionTestCase):
    async def open(self, headers=()):
        socket = WebsocketCommunicator(application, "/ws/notifications", headers=list(headers))
        connected, _ = await socket.connect()
        return socket, connected

    @mock.patch.dict(os.environ, {"NAMASKAH_RELEASE": "r7"})
    async def test_a_ping_is_answered_with_the_release(self):
        socket, _ = await self.open()
        self.assertEqual((await socket.receive_json_from())["status"], "connected")
        await socket.send_json_to({"type": "ping"})
        self.assertEqual(await socket.receive_json_from(), {"type": "pong", "release": "r7", "echo": None})
        await socket.send_to(text_data="no json")
        self.assertEqual((await socket.receive_json_from())["type"], "error")
        await socket.disconnect()

    async def test_payments_are_told_after_the_token(self):
        socket, _ = await self.open()
        await socket.receive_json_from()
        await get_channel_layer().group_send(PAYMENTS_GROUP, PAYMENT)
        self.assertTrue(await socket.receive_nothing())
        await socket.send_json_to({"type": "authenticate", "token": "token"})
        self.assertEqual(await socket.receive_json_from(), {"type": "authenticated", "as": "service"})
        await get_channel_layer().group_send(PAYMENTS_GROUP, PAYMENT)
        self.assertEqual((await socket.receive_json_from())["payment"], {"id": 1})
        await socket.disconnect()

    async def test_a_foreign_page_is_refused(self):
        _, connected = await self.open([(b"origin", b"https://evil.example")])
        self.assertFalse(connected)

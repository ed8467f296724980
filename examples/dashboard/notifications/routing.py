"""Which WebSocket address leads where?"""

from django.urls import path

from notifications.consumer import Notifications

routes = [path("ws/notifications", Notifications.as_asgi())]

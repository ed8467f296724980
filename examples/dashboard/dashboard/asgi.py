"""The entry point of every server: HTTP to Django, WebSockets to the notifications, lifespan to ours."""

import os

from dashboard.environment import POOLED

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
# A login costs more than most requests: 30 ms of processor time with one, 9 ms without.
os.environ.setdefault(POOLED, "yes")

# First of all imports: the metrics library decides when it is imported whether processes share their counts.
import common.multiprocess  # noqa: F401
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# These need Django's registry, which the line above fills.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from notifications.origin import KnownOrigin  # noqa: E402
from notifications.routing import routes  # noqa: E402

from dashboard.lifespan import lifespan  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": KnownOrigin(AuthMiddlewareStack(URLRouter(routes))),
        "lifespan": lifespan,
    }
)

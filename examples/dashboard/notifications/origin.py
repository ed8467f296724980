"""From which pages may a socket be opened? Ours only; scripts name no page and are let in."""

from urllib.parse import ParseResult

from channels.security.websocket import OriginValidator
from django.conf import settings


class KnownOrigin(OriginValidator):
    """Refuses with 403 a browser on a foreign page, which would carry our session cookie."""

    def __init__(self, application: object) -> None:
        trusted = [origin.split("://", 1)[-1] for origin in settings.CSRF_TRUSTED_ORIGINS]
        super().__init__(application, [*settings.ALLOWED_HOSTS, *trusted])

    def valid_origin(self, parsed_origin: ParseResult | None) -> bool:
        """Return whether the handshake may go on. Browsers always send an Origin (RFC 6455, 10.2)."""
        return parsed_origin is None or bool(super().valid_origin(parsed_origin))

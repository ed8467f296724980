"""Can this process serve, and who is it? Asked by the proxy, the release tool and monitoring."""

import logging

from dashboard.identity import identity
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

log = logging.getLogger(__name__)


def reach_database() -> None:
    """Run the smallest query; raises django.db.Error when the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 with the identity, or 503 while the database does not answer."""
    answer = {"status": "ok", "application": "dashboard", "database": connection.vendor, **identity()}
    try:
        reach_database()
    except Error as error:
        log.warning("health: the database does not answer: %s", error)
        return JsonResponse({**answer, "status": "unavailable", "error": "database"}, status=503)
    return JsonResponse(answer)

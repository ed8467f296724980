"""How many requests were answered, with which status, and how long did they take?"""

import time
from collections.abc import Awaitable, Callable

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from common.metrics import REQUESTS, SECONDS


class MeasureRequests:
    """Counts every answer by route (the pattern, never the address: labels must stay few)."""

    # Declared to be asynchronous only, so that a waiting request holds no thread on our account.
    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = time.perf_counter()
        response = await self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "unresolved"
        REQUESTS.labels(request.method, route, response.status_code).inc()
        SECONDS.labels(route).observe(time.perf_counter() - begun)
        return response

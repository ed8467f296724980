"""How does a request behave that is still being answered while a release happens?"""

import asyncio
import math

from dashboard.identity import identity
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from common.api import failure

# Longer than the stop time-outs that process managers come with, short enough that nobody can pile requests up.
LONGEST_SECONDS = 30.0


@require_safe
async def slow(request: HttpRequest) -> HttpResponse:
    """Answer after `seconds` (0 to 30), saying which process did."""
    try:
        seconds = float(request.GET.get("seconds", "1"))
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_SECONDS:
        return failure(400, f"'seconds' must be a number from 0 to {LONGEST_SECONDS:g}")
    await asyncio.sleep(seconds)
    return JsonResponse({"slept": seconds, **identity()})

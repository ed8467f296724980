"""The pages. They are frames; the scripts fill them from the API."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the latest payments and the form for one more."""
    return render(request, "web/dashboard.html")


@require_safe
@login_required
def analytics(request: HttpRequest) -> HttpResponse:
    """Show sums and counts."""
    return render(request, "web/analytics.html")


@require_safe
@login_required
def verify(request: HttpRequest) -> HttpResponse:
    """Show the form that proves a telephone number."""
    return render(request, "web/verify.html")


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Show what the service worker keeps for a browser without network."""
    return render(request, "web/offline.html")


@require_safe
@never_cache
def service_worker(request: HttpRequest) -> HttpResponse:
    """Send the service worker: from the root, so that it may serve all pages, and naming this release's files."""
    return render(request, "web/sw.js", content_type="text/javascript")

"""Which address leads where? Pages first, then the API, then what machines ask."""

from accounts.views import token
from common.errors import api_not_found
from common.health import healthz
from common.metrics import metrics
from common.slow import slow
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from jobs.views import jobs, workers
from payments.views import analytics, ledger, payments
from verification.views import check, verifications
from web import views as web

urlpatterns = [
    path("", web.dashboard, name="dashboard"),
    path("analytics", web.analytics, name="analytics"),
    path("verify", web.verify, name="verify"),
    path("offline", web.offline, name="offline"),
    path("sw.js", web.service_worker, name="service-worker"),
    path("login", LoginView.as_view(template_name="web/login.html"), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("api/token", token),
    path("api/payments", payments),
    path("api/ledger", ledger),
    path("api/analytics", analytics),
    path("api/verifications", verifications),
    path("api/verifications/<int:number>/check", check),
    path("api/jobs", jobs),
    path("api/workers", workers),
    path("api/slow", slow),
    path("api/<path:rest>", api_not_found),
    path("healthz", healthz),
    path("metrics", metrics),
]
handler404 = "common.errors.not_found"
handler500 = "common.errors.server_error"

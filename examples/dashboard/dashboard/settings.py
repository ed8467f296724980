"""Every setting, and from which environment variable it comes. Nothing is read from files."""

from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from dashboard.environment import POOLED, flag, items, text

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = flag("DEBUG")
SECRET_KEY = text("SECRET_KEY", "only-for-development" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set in the environment of this command")

# "localhost" is for whoever asks over the instance's own socket; public names come from the environment.
ALLOWED_HOSTS = [*items("ALLOWED_HOSTS"), "localhost", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = items("CSRF_TRUSTED_ORIGINS")
# The server listens on a unix socket that only the front proxy can reach, so its header can be believed.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = flag("SECURE_COOKIES")

# A trap, kept on purpose because real projects have it: a command that runs without DATABASE_URL
# (a migrate over ssh without the service's environment file, say) works on a fresh SQLite file and ends with 0.
# Whatever releases this application must hand the environment file to every command; /healthz names the engine.
DATABASES = {
    "default": dj_database_url.config(env="DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    OPTIONS = DATABASES["default"].setdefault("OPTIONS", {})
    OPTIONS.setdefault("connect_timeout", 5)
    if flag(POOLED):
        OPTIONS["pool"] = {"min_size": 1, "max_size": 16, "timeout": 2}
# Persistent connections and ASGI do not go together (Django 5.2, "Databases", persistent connections): servers have a
# pool instead, which looks at a connection before it lends it, for the database may have been swapped or restarted.
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "common",
    "accounts",
    "verification",
    "payments",
    "jobs",
    "web",
]
MIDDLEWARE = [
    "common.middleware.MeasureRequests",
    "django.middleware.security.SecurityMiddleware",
    "common.static.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
APPEND_SLASH = False
CSRF_FAILURE_VIEW = "common.errors.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "web.context.identify",
            ]
        },
    }
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = text("STATIC_ROOT", str(BASE_DIR / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

# In memory: a notification reaches the sockets of the process that sent it. Enough for a sample.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

SMS_GATEWAY_URL = text("SMS_GATEWAY_URL")
# A service account for scripts and smoke tests, beside the tokens that users ask for. Unset means none.
API_TOKEN = text("API_TOKEN")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # The parent's handler prints them; Django's own would mail administrators that nobody configured.
    "loggers": {"django": {"handlers": [], "propagate": True}},
}

"""The one settings module: every value that may differ between installations is read here."""

import os
import secrets
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dj_database_url

from balancer.constants import DEFAULT_LIMITS
from console import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where things are ----------------------------------------------------------------------------

DATA_DIR = env.env_path("OPENCLB_DATA_DIR", BASE_DIR / "var")
BROKER_SOCKET = DATA_DIR / "broker.sock"
DATABASE_URL = env.env_str("DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR))}/openclb.sqlite3")
REDIS_URL = env.env_str("REDIS_URL", f"unix://{BROKER_SOCKET}")
HTTP_ADDRESS = env.env_socket_address("OPENCLB_HTTP", "127.0.0.1:8000")
CONSOLE_URL = f"http://{HTTP_ADDRESS.reachable}"
CREDENTIALS_FILE = DATA_DIR / "credentials.json"
EMBEDDED = not (env.env_str("DATABASE_URL") or env.env_str("REDIS_URL"))
"""Whether this installation stands on its own files, without outside servers."""

# --- what OpenCLB itself reads -------------------------------------------------------------------

OPENCLB_VIP_POOL = env.env_network("OPENCLB_VIP_POOL", "127.88.0.0/16")
OPENCLB_DEMO_POOL = env.env_network("OPENCLB_DEMO_POOL", "127.77.0.0/16")
OPENCLB_DEFAULT_REGION = env.env_str("OPENCLB_DEFAULT_REGION", "cn-hangzhou")
OPENCLB_ALLOW_LOOPBACK_SERVERS = env.env_bool("OPENCLB_ALLOW_LOOPBACK_SERVERS", EMBEDDED)
OPENCLB_DEMO = env.env_bool("OPENCLB_DEMO", default=False)
OPENCLB_HEALTH_SHARDS = env.env_int("OPENCLB_HEALTH_SHARDS", 2, at_least=1, at_most=64)
OPENCLB_LIMITS = env.env_limits("OPENCLB_LIMITS", DEFAULT_LIMITS)
"""Limits that differ from balancer/constants.py, as name=number with commas in between."""
OPENCLB_PROBE_SOURCES = env.env_networks("OPENCLB_PROBE_SOURCES")
"""Who, besides loopback, may read /healthz, /readyz and /metrics without a login."""

# The proxy reads these itself; here they are checked early and known by name.
OPENCLB_PROXY_WORKERS = env.env_int("OPENCLB_PROXY_WORKERS", os.cpu_count() or 1, at_least=1)
OPENCLB_PROXY_DRAIN_LIMIT_S = env.env_int(
    "OPENCLB_PROXY_DRAIN_LIMIT_S", 30, at_least=1, at_most=3600
)
OPENCLB_PROXY_HTTP_LIMITS = env.env_str("OPENCLB_PROXY_HTTP_LIMITS")
OPENCLB_PROXY_ACCESS_LOG = env.env_str("OPENCLB_PROXY_ACCESS_LOG", "")
OPENCLB_PROXY_ACCESS_LOG_SIZE_MB = env.env_int(
    "OPENCLB_PROXY_ACCESS_LOG_SIZE_MB", 100, at_least=0, at_most=1_000_000
)
OPENCLB_PROXY_ACCESS_LOG_FILES = env.env_int(
    "OPENCLB_PROXY_ACCESS_LOG_FILES", 5, at_least=1, at_most=1000
)
OPENCLB_PROXY_NODE = env.env_str("OPENCLB_PROXY_NODE", socket.gethostname())

# --- secrets and hosts ---------------------------------------------------------------------------


def _secret_key() -> str:
    """Return the installation's secret, made once and kept in the data dir."""
    given = env.env_str("OPENCLB_SECRET_KEY")
    if given:
        return given
    path = DATA_DIR / "secret_key"
    try:
        DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Whole file first, then the name: two processes that start together agree on one key.
            fresh = DATA_DIR / f".secret_key.{os.getpid()}"
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(48))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()
    except OSError as error:
        env.refuse("OPENCLB_DATA_DIR", f"cannot be used: {error}")


SECRET_KEY = _secret_key()
DEBUG = env.env_bool("OPENCLB_DEBUG", default=False)
ALLOWED_HOSTS = env.env_list(
    "OPENCLB_ALLOWED_HOSTS",
    ["localhost", "127.0.0.1", "[::1]", HTTP_ADDRESS.host, socket.gethostname()],
)
CSRF_TRUSTED_ORIGINS = env.env_list("OPENCLB_TRUSTED_ORIGINS")
BEHIND_TLS = env.env_bool("OPENCLB_BEHIND_TLS", default=False)
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_SSL_REDIRECT = True
    # Probes of our own health come from the same machine, without TLS in between.
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
# What else runs under the same domain, and browsers' built-in lists, are not ours to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
# A browser has one cookie jar per host, not per port: two installations need two names.
SESSION_COOKIE_NAME = f"openclb_session_{HTTP_ADDRESS.port}"
CSRF_COOKIE_NAME = f"openclb_csrf_{HTTP_ADDRESS.port}"
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- applications --------------------------------------------------------------------------------


INSTALLED_APPS = [
    "axes",
    "balancer.apps.BalancerConfig",
    "balancer.apps.RoleAdminConfig",
    "console",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.security.SecurityHeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "console.middleware.RequestNumberMiddleware",
    "console.root.RpcMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "console.middleware.HtmxAnswerMiddleware",
    "console.middleware.BalancerErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.frame.frame",
            ],
        },
    }
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
OPENCLB_TRUSTED_PROXIES = env.env_networks("OPENCLB_TRUSTED_PROXIES")
"""Hops in front of the web process whose X-Forwarded-For is believed."""
OTP_TOTP_ISSUER = "OpenCLB"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
AXES_FAILURE_LIMIT = env.env_int("OPENCLB_LOGIN_FAILURES", 5, at_least=1, at_most=100)
AXES_COOLOFF_TIME = timedelta(minutes=env.env_int("OPENCLB_LOGIN_WAIT_MIN", 15, at_least=1))
# By user and address together: nobody can lock out a user who signs in from somewhere else.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Trying on during the wait does not make it longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "console.login_guard.client_address"
AXES_LOCKOUT_CALLABLE = "console.login_guard.refuse_locked_out"
AXES_HTTP_RESPONSE_CODE = 429
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

# --- database ------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_WAIT_S = 5
"""How long a write waits for another one's lock before it is refused, to be tried again."""
IDLE_TRANSACTION_S = 30
"""A process that stands still in the middle of a transaction loses its locks after so long."""


def _database(url: str) -> dict[str, Any]:
    """Return Django's form of a database URL; SQLite gets WAL, both get bounds for waiting."""
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=600))
    except ValueError as error:
        env.refuse("DATABASE_URL", f"is not a database URL: {error}")
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["ENGINE"] = "console.sqlite"
        database["OPTIONS"] = {
            "timeout": DATABASE_WAIT_S,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL",
        }
    else:
        database["CONN_HEALTH_CHECKS"] = True
    if database["ENGINE"] == "django.db.backends.postgresql":
        bounds = (
            f"-c lock_timeout={DATABASE_WAIT_S}s "
            f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_S}s"
        )
        options = database.setdefault("OPTIONS", {})
        options["options"] = f"{bounds} {options.get('options', '')}".strip()
    return database


DATABASES = {"default": _database(DATABASE_URL)}

# --- languages, times, files ---------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# WhiteNoise serves the files where they lie: no collecting step stands before a start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- REST ----------------------------------------------------------------------------------------

OPENCLB_API_REQUESTS_PER_MIN = env.env_int("OPENCLB_API_REQUESTS_PER_MIN", 6000, at_least=1)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "balancer.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["balancer.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "balancer.api.pagination.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "balancer.api.exceptions.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OpenCLB API",
    "DESCRIPTION": "Load balancers, their listeners, server groups and backend servers.",
    "VERSION": "v1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "HealthStatusEnum": "balancer.choices.HEALTH_STATUS_CHOICES",
        "MetricSubjectEnum": "balancer.api.serializers.metrics.SUBJECTS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "balancer.api.schema_answers.add_components",
        "balancer.api.schema_links.add_links",
    ],
}

# --- logs ----------------------------------------------------------------------------------------

LOG_LEVEL = env.env_choice(
    "OPENCLB_LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
)
LOG_FORMAT = env.env_choice("OPENCLB_LOG_FORMAT", "text", ["text", "json"])
LOGGING = logs.logging_config(level=LOG_LEVEL, log_format=LOG_FORMAT)
logs.configure_structlog()

env.report_unknown()

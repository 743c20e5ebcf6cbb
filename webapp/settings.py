"""Django's settings, translated from `configuration.settings()`; nothing here is read from the environment directly.

web, cthulhu, the worker and the management commands all load this module.
"""

import datetime as dt
import sqlite3
from typing import Any

import dj_database_url

from calamari_rest.description import DESCRIPTION
from calamari_rest.version import VERSION
from configuration import settings as calamari_settings
from configuration.settings import PROJECT_ROOT
from webapp.logs import configure_structlog, logging_configuration
from webapp.secret_key import secret_key

_calamari = calamari_settings()

BASE_DIR = PROJECT_ROOT
SECRET_KEY = secret_key(_calamari.home / "secret-key")
DEBUG = _calamari.debug
ALLOWED_HOSTS = _calamari.allowed_hosts

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "accounts",
    "cthulhu.persistence",
    "calamari_rest",
    "webapp",
]

MIDDLEWARE = [
    "calamari_rest.middleware.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"
APPEND_SLASH = False
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

# -- Database ---------------------------------------------------------------------------------------------------------

# WAL lets web read while cthulhu writes; FULL keeps what was committed through a power cut; IMMEDIATE takes the write
# lock at BEGIN, where waiting for it works, instead of failing at the first write of a transaction that has read.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA busy_timeout=20000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}

DATABASES = {"default": dj_database_url.parse(_calamari.database_url)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
    # RETURNING on one INSERT, window functions and JSON1 are all there from this release on.
    if sqlite3.sqlite_version_info < (3, 35):
        raise RuntimeError(f"SQLite 3.35 or newer is needed, this Python has {sqlite3.sqlite_version}")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Accounts, sessions, CSRF -----------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Names that Calamari's clients know (Angular's defaults for the CSRF pair).
SESSION_COOKIE_NAME = "calamari_sessionid"
SESSION_COOKIE_SECURE = _calamari.secure_cookies
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_NAME = "XSRF-TOKEN"
CSRF_HEADER_NAME = "HTTP_X_XSRF_TOKEN"
CSRF_COOKIE_SECURE = _calamari.secure_cookies
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "calamari_rest.views.faults.csrf_failure"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# `calamari_rest.body_limit` refuses larger bodies before Django sees them; this is the net below it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20

# -- REST -------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.RoleAllows"],
    "DEFAULT_RENDERER_CLASSES": ["calamari_rest.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["calamari_rest.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "calamari_rest.schema.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "calamari_rest.renderers.JsonOnlyNegotiation",
    "EXCEPTION_HANDLER": "calamari_rest.exceptions.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# A token ends after this time without use; the expiry is written at most hourly.
REST_KNOX = {"TOKEN_TTL": dt.timedelta(days=30), "AUTO_REFRESH": True, "MIN_REFRESH_INTERVAL": 3600}

SPECTACULAR_SETTINGS = {
    "TITLE": "Calamari",
    "DESCRIPTION": DESCRIPTION,
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v2",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [],
}

# -- The rest ---------------------------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False

LOGGING = logging_configuration(_calamari.log_level)
configure_structlog(_calamari.log_level)

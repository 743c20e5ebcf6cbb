"""Which problem an exception is. DRF's exception handler, and Django's where an error escapes DRF, both end here."""

import math
from functools import singledispatch
from typing import Any

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.views import set_rollback

from calamari_rest.problems import CODES, Problem, respond
from cthulhu.rpc import errors as rpc

log = structlog.get_logger(__name__)

# Seconds after which asking again is worth while: cthulhu is restarted, a cluster comes back.
RETRY_AFTER_SERVER = 2
RETRY_AFTER_CLUSTER = 5
NON_FIELD_ERRORS = "non_field_errors"


class NoData(Exception):
    """The cluster is known, but nothing has been heard of what was asked for."""


class InvalidCredentials(Exception):
    """User name and password do not belong together, or the account is disabled: which of the two, nobody is told."""


class StreamFull(Exception):
    """The stream serves as many clients as it may."""


@singledispatch
def problem_of(error: BaseException) -> Problem:
    """Return the problem that an exception is; one that nobody foresaw is logged with its traceback."""
    log.error("unforeseen failure", exc_info=error)
    return Problem(500, "internal_error", "The server failed; its log says why.")


@problem_of.register
def _api_exception(error: drf.APIException) -> Problem:
    code = error.default_code if isinstance(error.detail, dict | list) else str(error.detail.code)
    headers = {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Problem(error.status_code, code if code in CODES else "invalid", str(error.detail), headers=headers)


@problem_of.register
def _validation_error(error: drf.ValidationError) -> Problem:
    detail = error.detail if isinstance(error.detail, dict) else {NON_FIELD_ERRORS: error.detail}
    fields = {str(name): messages for name, messages in detail.items() if name != NON_FIELD_ERRORS}
    general = detail.get(NON_FIELD_ERRORS)
    text = " ".join(map(str, general)) if general else f"Not acceptable: {', '.join(fields)}."
    return Problem(400, "invalid", text, fields=fields)


@problem_of.register
def _not_authenticated(error: drf.NotAuthenticated) -> Problem:
    return Problem(403, "not_authenticated", str(error.detail))


@problem_of.register
def _invalid_credentials(_error: InvalidCredentials) -> Problem:
    text = "User name or password is wrong."
    # `message` is where Calamari's clients look for it.
    return Problem(401, "invalid_credentials", text, headers={"WWW-Authenticate": "Token"}, extra={"message": text})


@problem_of.register(Http404)
def _missing(_error: Http404) -> Problem:
    return Problem(404, "not_found", "Not found.")


@problem_of.register(PermissionDenied)
def _denied(_error: PermissionDenied) -> Problem:
    return Problem(403, "permission_denied", "Your role does not allow this.")


@problem_of.register(BadRequest)
@problem_of.register(SuspiciousOperation)
def _bad_request(_error: Exception) -> Problem:
    return Problem(400, "bad_request", "The request is not acceptable.")


@problem_of.register(OperationalError)
@problem_of.register(InterfaceError)
def _database(error: Exception) -> Problem:
    log.error("database does not answer", exc_info=error)
    return _unavailable("database_unavailable", "The database does not answer.", RETRY_AFTER_SERVER)


@problem_of.register
def _rpc_not_found(error: rpc.NotFound) -> Problem:
    return Problem(404, "not_found", error.message)


@problem_of.register
def _rpc_invalid(error: rpc.InvalidAttributes) -> Problem:
    return Problem(400, "invalid", error.message, fields=error.data.get("fields") or {})


@problem_of.register
def _rpc_command(error: rpc.CommandNotAllowed) -> Problem:
    return Problem(403, "command_not_allowed", error.message)


@problem_of.register
def _rpc_conflict(error: rpc.Conflict) -> Problem:
    return Problem(409, "conflict", error.message)


@problem_of.register
def _rpc_cluster(error: rpc.ClusterUnavailable) -> Problem:
    return _unavailable("cluster_unavailable", error.message, RETRY_AFTER_CLUSTER)


@problem_of.register
def _rpc_server(error: rpc.ServerUnavailable) -> Problem:
    log.warning("cthulhu does not answer", error=error.message)
    text = "The service behind the web server does not answer."
    if error.data.get("sent", True):
        return _unavailable("no_answer", f"{text} Whether it took the change is not known.", RETRY_AFTER_SERVER)
    return _unavailable("server_unavailable", text, RETRY_AFTER_SERVER)


@problem_of.register
def _no_data(error: NoData) -> Problem:
    return _unavailable("no_data", str(error), RETRY_AFTER_CLUSTER)


@problem_of.register
def _stream_full(error: StreamFull) -> Problem:
    return _unavailable("stream_full", str(error), RETRY_AFTER_CLUSTER)


def _unavailable(code: str, detail: str, seconds: int) -> Problem:
    return Problem(503, code, detail, headers={"Retry-After": str(seconds)})


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Answer for whatever a view raised; set as DRF's EXCEPTION_HANDLER."""
    set_rollback()
    return respond(context["request"], problem_of(error))

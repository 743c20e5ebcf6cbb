"""Answers to what goes wrong outside DRF's views: unknown URLs, CSRF, failing middleware. JSON, as everywhere."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse

from calamari_rest.exceptions import problem_of
from calamari_rest.problems import Problem, respond


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a request that Django itself refuses (handler400)."""
    return respond(request, problem_of(exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for PermissionDenied outside DRF (handler403)."""
    return respond(request, problem_of(exception))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  (Django's signature)
    """Answer for URLs that lead nowhere (handler404)."""
    return respond(request, Problem(404, "not_found", "There is nothing at this URL."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for an exception that nobody took care of (handler500); Django calls this while handling it."""
    error = sys.exc_info()[1]
    return respond(request, problem_of(error if error is not None else RuntimeError("unknown failure")))


def csrf_failure(request: HttpRequest, reason: str = "", **_options: Any) -> HttpResponse:
    """Answer for a missing or wrong CSRF token (CSRF_FAILURE_VIEW)."""
    return respond(request, Problem(403, "csrf_failed", f"CSRF Failed: {reason}"))

"""What surrounds every request: its correlation id, one log line, its count in the metrics."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from calamari_rest import correlation, metrics

log = structlog.get_logger(__name__)


class CorrelationMiddleware:
    """Gives each request an id, the client's own if it sent one, that its answer and every log line carry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request."""
        identity = correlation.choose(request.headers.get(correlation.HEADER, ""))
        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(correlation_id=identity):
            response = self.get_response(request)
            seconds = time.perf_counter() - began
            route = request.resolver_match.route if request.resolver_match else ""
            metrics.count(request.method or "", route, response.status_code, seconds)
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                milliseconds=round(seconds * 1000, 1),
            )
        response[correlation.HEADER] = identity
        return response

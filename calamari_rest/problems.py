"""What an error looks like on the wire, whoever found it: DRF, Django, the ASGI edge or cthulhu.

One JSON object: `detail` for people, `code` for programs, and messages about single fields under the fields' names, as
Calamari's clients expect. Whoever accepts `application/problem+json` gets the same as RFC 9457 has it.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

PLAIN = "application/json"
PROBLEM = "application/problem+json"

# Every code a client may meet, with its meaning; the OpenAPI document shows this table.
CODES = MappingProxyType(
    {
        "invalid": "The request was understood, but a value in it is not acceptable; see the fields.",
        "parse_error": "The body is not the JSON that was announced.",
        "bad_request": "The request is not acceptable as HTTP (host name, headers, encoding).",
        "invalid_credentials": "User name and password do not belong together, or the account is disabled.",
        "invalid_token": "The token in the Authorization header is unknown, expired or revoked.",
        "not_authenticated": "Log in first.",
        "permission_denied": "Your role does not allow this.",
        "csrf_failed": "A session needs the CSRF token of its cookie in the header X-XSRF-TOKEN.",
        "command_not_allowed": "The command does not exist, or not for the object as it is now.",
        "not_found": "There is no such thing.",
        "method_not_allowed": "The resource does not know this HTTP method.",
        "conflict": "The present state of the object does not allow the change.",
        "too_large": "The body is larger than the server takes.",
        "unsupported_media_type": "Bodies have to be application/json.",
        "throttled": "Too many attempts; Retry-After says when the next is worth while.",
        "internal_error": "A fault of the server; its log knows more under the X-Request-ID of this answer.",
        "server_unavailable": "The service behind the web server does not answer; nothing was changed.",
        "no_answer": "The service was asked but did not answer in time: the list of requests shows what it took.",
        "cluster_unavailable": "The cluster is out of contact; nothing was changed.",
        "no_data": "The cluster is known, but nothing has been heard of this yet.",
        "database_unavailable": "The database does not answer.",
        "stream_full": "The stream serves as many clients as it may.",
    }
)


@dataclass(frozen=True)
class Problem:
    """An error on its way out. `code` is a key of `CODES`; `fields` maps field name to messages about it."""

    status: int
    code: str
    detail: str
    fields: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def content(self, accept: str) -> tuple[str, bytes]:
        """Return content type and body for a client that sent this Accept header."""
        if accepts_problem(accept):
            document = {
                "type": "about:blank",
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                **({"errors": self.fields} if self.fields else {}),
            }
            return PROBLEM, orjson.dumps(document)
        return PLAIN, orjson.dumps({**self.fields, **self.extra, "detail": self.detail, "code": self.code})


def accepts_problem(accept: str) -> bool:
    """Tell whether an Accept header names the problem type and does not refuse it with q=0."""
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if kind == PROBLEM:
            return not any(parameter.replace(" ", "") in {"q=0", "q=0.0", "q=0.00"} for parameter in parameters)
    return False


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return the answer that carries a problem."""
    kind, body = problem.content(request.META.get("HTTP_ACCEPT", ""))
    headers = {"Cache-Control": "no-store", **problem.headers}
    return HttpResponse(body, status=problem.status, content_type=kind, headers=headers)

"""The page at `/`: a person who opens the server in a browser sees how the clusters are.

It is one file without any other: its script asks the API like every client, logs in where that is needed, and follows
the stream.
"""

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from calamari_rest.problems import Problem, respond

METHODS = ("GET", "HEAD")


@csrf_exempt  # nothing can be changed here, so other methods get 405 and not a word about CSRF
def home(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    if request.method not in METHODS:
        allow = {"Allow": ", ".join(METHODS)}
        return respond(request, Problem(405, "method_not_allowed", "This page can only be read.", headers=allow))
    nonce = secrets.token_urlsafe(16)
    response = render(request, "home.html", {"nonce": nonce})
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response["Cache-Control"] = "no-store"
    return response

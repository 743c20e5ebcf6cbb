"""The page at `/`: a person who opens the server in a browser sees how the clusters are.

It is one file without any other: its script asks the API like every client, logs in where that is needed, and follows
the stream.
"""

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    nonce = secrets.token_urlsafe(16)
    response = render(request, "home.html", {"nonce": nonce})
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    response["Cache-Control"] = "no-store"
    return response

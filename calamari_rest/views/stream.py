"""The live stream as a view: DRF decides who may listen, `calamari_rest.stream` sends."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import Login
from calamari_rest import filters
from calamari_rest.stream import Subscriber, admit, hub

RECHECK_SECONDS = 30.0


class StreamView(APIView):
    """Server-sent events."""

    # A HEAD would be answered by the same endless iterator.
    http_method_names = ["get", "options"]

    @extend_schema(
        operation_id="stream",
        parameters=[
            OpenApiParameter(
                "Last-Event-ID", str, OpenApiParameter.HEADER, description="Id of the last event that was received."
            )
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR,
                description=(
                    "Events `version`, `request` and `event` tell what moved; `ready` that the stream begins, after "
                    "which nothing is missed; `reset` that something may have been missed: fetch anew."
                ),
            )
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Follow what happens, as server-sent events."""
        filters.parse(request.query_params, ())
        last_event_id = request.headers.get("Last-Event-ID", "")
        subscriber = admit()
        # The thread of this request lives as long as the stream; its database connection need not.
        close_old_connections()
        return StreamingHttpResponse(
            _events(subscriber, last_event_id, Login.of(request)),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )


async def _events(subscriber: Subscriber, last_event_id: str, login: Login) -> AsyncIterator[bytes]:
    """Yield the stream for as long as the login that opened it is valid."""
    checked_at = time.monotonic()
    async with aclosing(hub().events(subscriber, last_event_id)) as events:
        async for event in events:
            if time.monotonic() - checked_at > RECHECK_SECONDS:
                checked_at = time.monotonic()
                if not await sync_to_async(_is_valid)(login):
                    return
            yield event


def _is_valid(login: Login) -> bool:
    try:
        return login.is_valid()
    except DatabaseError:
        # An outage of the database is no reason to send listeners away.
        return True
    finally:
        close_old_connections()

"""The live stream as a view: DRF decides who may listen, `calamari_rest.stream` sends."""

import asyncio
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections
from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import is_still_valid
from calamari_rest import filters
from calamari_rest.stream import Subscriber, hub

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
        # The thread of this request lives as long as the stream; its database connection need not.
        close_old_connections()
        return StreamingHttpResponse(
            _events(request, last_event_id),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

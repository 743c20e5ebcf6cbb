"""What supervisors, load balancers and Prometheus ask."""

from django.db import connection
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calamari_rest import backend, filters, metrics
from calamari_rest.serializers.probes import HealthzSerializer, ReadyzSerializer

UNCACHED = {"Cache-Control": "no-store"}


class HealthzView(APIView):
    """Liveness: a web server that does not answer this has to be restarted."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="healthz", responses=HealthzSerializer)
    def get(self, request: Request) -> Response:
        """Tell that the web server runs."""
        filters.parse(request.query_params, ())
        return Response({"status": "ok"}, headers=UNCACHED)


class ReadyzView(APIView):
    """Readiness: whether to send clients here.

    Without the database nobody can log in. Without cthulhu reads are still answered, so that is told, not refused.
    """

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="readyz", responses=ReadyzSerializer)
    def get(self, request: Request) -> Response:
        """Tell whether requests can be served; 503 while the database does not answer."""
        filters.parse(request.query_params, ())
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        answers = backend.current().answers()
        return Response({"status": "ready", "database": True, "cthulhu": answers}, headers=UNCACHED)


class MetricsView(APIView):
    """Metrics, for whoever is logged in: Prometheus can send a token."""

    @extend_schema(operation_id="metrics", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Show the metrics in Prometheus' text format."""
        filters.parse(request.query_params, ())
        return HttpResponse(metrics.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers=UNCACHED)

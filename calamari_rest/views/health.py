"""The health of a cluster."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calamari_rest import filters, snapshots
from calamari_rest.answers import answer
from calamari_rest.serializers.cluster import HealthSerializer
from cthulhu.rpc.types import HEALTH


class HealthView(APIView):
    """The health of a cluster, as its monitors see it."""

    @extend_schema(operation_id="health_retrieve", responses=HealthSerializer)
    def get(self, request: Request, fsid: str) -> Response:
        """Show the health of a cluster."""
        filters.parse(request.query_params, ())
        reading = snapshots.read(fsid, HEALTH)
        return answer(request, lambda: reading.content, reading)

"""Monitors: list, detail, and what they say of their quorum."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calamari_rest import filters, snapshots
from calamari_rest.answers import answer
from calamari_rest.filters import Filter
from calamari_rest.schema import bare_or_paged, parameters_of
from calamari_rest.serializers.mon import MonSerializer
from calamari_rest.views.base import RowsView
from cthulhu.rpc.types import MON

FILTERS = (
    Filter("in_quorum", bool, "Only monitors in the quorum, or not.", lambda row, is_in: row["in_quorum"] == is_in),
    Filter("server", str, "Only monitors on this node.", lambda row, server: row["server"] == server),
)
MON_STATUS = "mon_status"


class MonView(RowsView):
    """Monitors of a cluster."""

    object_type = MON
    key = "name"
    filters = FILTERS

    @extend_schema(
        operation_id="mon_list",
        parameters=parameters_of(FILTERS),
        responses=bare_or_paged("MonList", MonSerializer),
    )
    def list(self, request: Request, fsid: str) -> Response:
        """List the monitors of a cluster."""
        return self.answer_list(request, fsid)

    @extend_schema(operation_id="mon_retrieve", responses=MonSerializer)
    def retrieve(self, request: Request, fsid: str, name: str) -> Response:
        """Show one monitor."""
        return self.answer_object(request, fsid, name)

    @extend_schema(operation_id="mon_status", responses={200: OpenApiTypes.OBJECT})
    def status(self, request: Request, fsid: str, name: str) -> Response:
        """Show the quorum that a monitor belongs to, as the monitors report it."""
        filters.parse(request.query_params, ())
        self.row(self.read(fsid).content, name)
        reading = snapshots.read_sync_object(fsid, MON_STATUS)
        return answer(request, lambda: reading.content, reading)

"""Pools: list and detail."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calamari_rest.filters import Filter
from calamari_rest.schema import bare_or_paged, parameters_of
from calamari_rest.serializers.pool import PoolSerializer
from calamari_rest.views.base import RowsView
from cthulhu.rpc.types import POOL

FILTERS = (Filter("name", str, "Only the pool of this name.", lambda row, name: row["name"] == name),)


class PoolView(RowsView):
    """Pools of a cluster."""

    object_type = POOL
    filters = FILTERS

    @extend_schema(
        operation_id="pool_list",
        parameters=parameters_of(FILTERS),
        responses=bare_or_paged("PoolList", PoolSerializer),
    )
    def list(self, request: Request, fsid: str) -> Response:
        """List the pools of a cluster."""
        return self.answer_list(request, fsid)

    @extend_schema(operation_id="pool_retrieve", responses=PoolSerializer)
    def retrieve(self, request: Request, fsid: str, pool_id: str) -> Response:
        """Show one pool."""
        return self.answer_object(request, fsid, pool_id)

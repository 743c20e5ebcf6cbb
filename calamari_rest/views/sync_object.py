"""Sync objects: the monitors' own reports, verbatim."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from calamari_rest import filters, snapshots
from calamari_rest.answers import answer
from calamari_rest.exceptions import NoData


class SyncObjectView(ViewSet):
    """Sync objects of a cluster."""

    @extend_schema(operation_id="sync_object_list", responses=serializers.ListSerializer(child=serializers.CharField()))
    def list(self, request: Request, fsid: str) -> Response:
        """List the names of the sync objects."""
        filters.parse(request.query_params, ())
        return answer(request, lambda: snapshots.sync_object_names(fsid))

    @extend_schema(operation_id="sync_object_retrieve", responses={200: OpenApiTypes.ANY})
    def retrieve(self, request: Request, fsid: str, name: str) -> Response:
        """Show one sync object; null if the monitors have not sent it yet."""
        filters.parse(request.query_params, ())
        if name not in snapshots.sync_object_names(fsid):
            raise NotFound(f"There is no sync object {name[:64]}.")
        try:
            reading = snapshots.read_sync_object(fsid, name)
        except NoData:
            return answer(request, lambda: None)
        return answer(request, lambda: reading.content, reading)

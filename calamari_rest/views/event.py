"""Events: what happened, of all clusters or of one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from calamari_rest import filters, pagination
from calamari_rest.answers import answer
from calamari_rest.filters import Filter
from calamari_rest.schema import paged, parameters_of
from calamari_rest.serializers.journal import EventSerializer
from calamari_rest.views.cluster import require_cluster
from cthulhu import journal
from cthulhu.journal import Severity

FILTERS = (
    Filter("severity", str, "Only events as bad as this, or worse; INFO if not given.", choices=tuple(Severity.names)),
    Filter("object_type", str, "Only events about objects of this type."),
    Filter("object_id", str, "Only events about the object of this id."),
)


class EventView(ViewSet):
    """Events, newest first, always in pages."""

    @extend_schema(operation_id="event_list", parameters=parameters_of(FILTERS), responses=paged(EventSerializer))
    def list(self, request: Request) -> Response:
        """List the events of all clusters and of the server itself."""
        return self._list(request, journal.events())

    @extend_schema(
        operation_id="cluster_event_list", parameters=parameters_of(FILTERS), responses=paged(EventSerializer)
    )
    def list_of_cluster(self, request: Request, fsid: str) -> Response:
        """List the events of one cluster."""
        require_cluster(fsid)
        return self._list(request, journal.events().filter(fsid=fsid))

    def _list(self, request: Request, query: Any) -> Response:
        values = filters.parse(request.query_params, FILTERS, pagination.PARAMETERS)
        severity = Severity[values.pop("severity", Severity.INFO.name)]
        query = query.filter(severity__lte=severity, **values)
        page = pagination.page_of_query(request, query, lambda row: EventSerializer(row).data)
        return answer(request, lambda: page)

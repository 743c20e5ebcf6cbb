"""Requests: what became of each change, of all clusters or of one."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from calamari_rest import backend, filters, pagination
from calamari_rest.answers import answer
from calamari_rest.filters import Filter
from calamari_rest.schema import paged, parameters_of
from calamari_rest.serializers.journal import RequestSerializer
from calamari_rest.views.cluster import require_cluster
from cthulhu import journal

FILTERS = (
    Filter("state", str, "Only requests in this state.", choices=("new", "submitted", "complete")),
    Filter("object_type", str, "Only requests on objects of this type."),
    Filter("object_id", str, "Only requests on the object of this id."),
)


class RequestView(ViewSet):
    """Requests, newest first, always in pages."""

    @extend_schema(operation_id="request_list", parameters=parameters_of(FILTERS), responses=paged(RequestSerializer))
    def list(self, request: Request) -> Response:
        """List the requests of all clusters."""
        return self._list(request, journal.requests())

    @extend_schema(
        operation_id="cluster_request_list", parameters=parameters_of(FILTERS), responses=paged(RequestSerializer)
    )
    def list_of_cluster(self, request: Request, fsid: str) -> Response:
        """List the requests of one cluster."""
        require_cluster(fsid)
        return self._list(request, journal.requests().filter(fsid=fsid))

    @extend_schema(operation_id="request_retrieve", responses=RequestSerializer)
    def retrieve(self, request: Request, request_id: uuid.UUID) -> Response:
        """Show one request."""
        return self._show(request, {"id": request_id})

    @extend_schema(operation_id="cluster_request_retrieve", responses=RequestSerializer)
    def retrieve_of_cluster(self, request: Request, fsid: str, request_id: uuid.UUID) -> Response:
        """Show one request of one cluster."""
        return self._show(request, {"id": request_id, "fsid": fsid})

    @extend_schema(operation_id="request_cancel", request=None, responses=RequestSerializer)
    def cancel(self, request: Request, request_id: uuid.UUID) -> Response:
        """Cancel what of a request has not begun. A complete request stays as it is."""
        return self._cancel(request, {"id": request_id})

    @extend_schema(operation_id="cluster_request_cancel", request=None, responses=RequestSerializer)
    def cancel_of_cluster(self, request: Request, fsid: str, request_id: uuid.UUID) -> Response:
        """Cancel what of a request of one cluster has not begun. A complete request stays as it is."""
        return self._cancel(request, {"id": request_id, "fsid": fsid})

    def _list(self, request: Request, query: Any) -> Response:
        values = filters.parse(request.query_params, FILTERS, pagination.PARAMETERS)
        page = pagination.page_of_query(request, query.filter(**values), lambda row: RequestSerializer(row).data)
        return answer(request, lambda: page)

    def _show(self, request: Request, key: dict[str, Any]) -> Response:
        filters.parse(request.query_params, ())
        return answer(request, lambda: RequestSerializer(_find(key)).data)

    def _cancel(self, request: Request, key: dict[str, Any]) -> Response:
        filters.parse(request.query_params, ())
        found = _find(key)
        backend.current().for_change().cancel_request(str(found.id), backend.caller_of(request))
        return Response(RequestSerializer(_find(key)).data)


def _find(key: dict[str, Any]) -> Any:
    found = journal.requests().filter(**key).first()
    if found is None:
        raise NotFound(f"Request {key['id']} not found.")
    return found

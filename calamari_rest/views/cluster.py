"""Clusters: list and detail."""

import datetime as dt
import time
from contextlib import suppress
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from calamari_rest import backend, filters, pagination, snapshots
from calamari_rest.answers import answer, mark_stale
from calamari_rest.exceptions import NoData
from calamari_rest.schema import bare_or_paged, parameters_of
from calamari_rest.serializers.cluster import ClusterSerializer
from calamari_rest.snapshots import Reading
from cthulhu import journal
from cthulhu.rpc.types import CLUSTER


def known_clusters() -> dict[str, str]:
    """Return fsid -> name of all clusters."""
    state = backend.current().state()
    published = {fsid: cluster.name for fsid, cluster in state.clusters.items()} if state else {}
    return {**journal.clusters(), **published}


def require_cluster(fsid: str) -> str:
    """Return the name of a cluster.

    Raises:
        NotFound: it is not known.
    """
    name = known_clusters().get(fsid)
    if name is None:
        raise NotFound(f"Cluster {fsid} not found.")
    return name


def read_cluster(fsid: str, name: str) -> tuple[dict[str, Any], list[Reading]]:
    """Return a cluster's row, and the reading it was made of, if there was one.

    What of it moves with every heartbeat is taken from the version vector: while cthulhu is dead, no cluster is
    connected, whatever it said last.
    """
    present = backend.current()
    state = present.state()
    published = state.clusters.get(fsid) if state else None
    row = {"id": fsid, "name": name, "update_time": None, "connected": False, "health": None}
    readings = []
    with suppress(NoData):
        readings.append(snapshots.read(fsid, CLUSTER))
        row.update(readings[0].content)
    if published is not None and published.contact:
        row["update_time"] = dt.datetime.fromtimestamp(published.contact, dt.UTC).isoformat()
    row["connected"] = published is not None and published.connected and present.is_alive(state, time.time())
    return row, readings


class ClusterView(ViewSet):
    """Clusters."""

    @extend_schema(
        operation_id="cluster_list",
        parameters=parameters_of(()),
        responses=bare_or_paged("ClusterList", ClusterSerializer),
    )
    def list(self, request: Request) -> Response:
        """List all clusters."""
        filters.parse(request.query_params, (), pagination.PARAMETERS)
        found = [read_cluster(fsid, name) for fsid, name in sorted(known_clusters().items())]
        rows = [row for row, _ in found]
        paged = pagination.is_wanted(request)
        response = answer(request, lambda: pagination.page_of_rows(request, rows) if paged else rows)
        mark_stale(response, *(reading for _, readings in found for reading in readings))
        return response

    @extend_schema(operation_id="cluster_retrieve", responses=ClusterSerializer)
    def retrieve(self, request: Request, fsid: str) -> Response:
        """Show one cluster."""
        filters.parse(request.query_params, ())
        row, readings = read_cluster(fsid, require_cluster(fsid))
        response = answer(request, lambda: row)
        mark_stale(response, *readings)
        return response

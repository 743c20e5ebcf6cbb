"""What can be called over the RPC: reads of the state, and the entry of every change.

Neighbours: `cthulhu.rpc.server` validates and dispatches; `manager` holds the clusters.
"""

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.db import close_old_connections, transaction

from cthulhu.monitor.cluster_monitor import FACTORIES, ClusterMonitor
from cthulhu.persistence import ledger
from cthulhu.persistence.events import record_about
from cthulhu.persistence.models import Request, Severity
from cthulhu.requests.states import StepState
from cthulhu.rpc.errors import InvalidCall, NotFound
from cthulhu.rpc.protocol import rpc_method
from cthulhu.rpc.types import CLUSTER, OBJECT_TYPES, Accepted, Caller, Hello, Snapshot


class Clusters(Protocol):
    """Whatever holds the ClusterMonitors, by fsid."""

    @property
    def generation(self) -> str:
        """Name of this run of cthulhu."""

    @property
    def clusters(self) -> Mapping[str, ClusterMonitor]:
        """The clusters that are known now."""


class Service:
    """The methods of the RPC; each is called in a thread of its own."""

    def __init__(self, manager: Clusters) -> None:
        self._manager = manager

    @rpc_method
    def hello(self) -> Hello:
        """Return who answers."""
        return Hello(generation=self._manager.generation, pid=os.getpid())

    @rpc_method
    def list_clusters(self) -> list[dict[str, Any]]:
        """Return the row of every cluster."""
        snapshots = [monitor.state.rows(CLUSTER) for monitor in self._manager.clusters.values()]
        return [snapshot.content for snapshot in snapshots if snapshot is not None]

    @rpc_method
    def list(self, fsid: str, object_type: str, known: str | None = None) -> Snapshot:
        """Return all rows of an object type, or only that they have not changed since version `known`."""
        if object_type not in OBJECT_TYPES:
            raise InvalidCall(f"There is no object type {object_type}.")
        return _answer(self._cluster(fsid).state.rows(object_type), object_type, known)

    @rpc_method
    def list_sync_objects(self, fsid: str) -> Sequence[str]:
        """Return the names of the sync objects that can be asked for."""
        return self._cluster(fsid).state.sync_object_names()

    @rpc_method
    def get_sync_object(self, fsid: str, name: str, known: str | None = None) -> Snapshot:
        """Return a sync object as the monitors gave it."""
        state = self._cluster(fsid).state
        if name not in state.sync_object_names():
            raise NotFound(f"There is no sync object {name}.", object_type="sync_object", object_id=name)
        return _answer(state.sync_object(name), name, known)

    @rpc_method
    def update(
        self, fsid: str, object_type: str, object_id: str, attributes: dict[str, Any], caller: Caller
    ) -> Accepted:
        """Ask for the change of an object's attributes."""
        return Accepted(request_id=self._writer(fsid).update(object_type, object_id, attributes, caller))

    @rpc_method
    def apply(self, fsid: str, object_type: str, object_id: str, command: str, caller: Caller) -> Accepted:
        """Ask for a command on an object."""
        return Accepted(request_id=self._writer(fsid).apply(object_type, object_id, command, caller))

    @rpc_method
    def implemented_commands(self, object_type: str) -> Sequence[str]:
        """Return every command that objects of a type can have."""
        return list(FACTORIES[object_type].commands) if object_type in FACTORIES else []

    @rpc_method
    def valid_commands(self, fsid: str, object_type: str, object_id: str) -> Sequence[str]:
        """Return the commands that apply to an object as it is now."""
        cluster = self._cluster(fsid)
        return cluster.factory(object_type).valid_commands(cluster.row(object_type, object_id))

    @rpc_method
    def cancel_request(self, request_id: str, caller: Caller) -> str:
        """Cancel what has not been sent of a request, and ask the node to refuse what has not begun.

        Idempotent; a complete request stays as it is. Returns the request's id.
        """
        close_old_connections()
        try:
            request = Request.objects.get(id=uuid.UUID(request_id))
        except (Request.DoesNotExist, ValueError):
            raise NotFound(f"Request {request_id} not found.", object_type="request", object_id=request_id) from None
        with transaction.atomic():
            if request.completed_at is None:
                message = f"{caller.username} asked to cancel: {request.headline}"
                record_about(request, Severity.INFO, "request.cancel", message)
            ledger.cancel(request)
            for step in request.steps.filter(state=StepState.SUBMITTED):
                ledger.move(step, StepState.CANCELING)
        return request_id

    def _cluster(self, fsid: str) -> ClusterMonitor:
        cluster = self._manager.clusters.get(fsid)
        if cluster is None:
            raise NotFound(f"Cluster {fsid} not found.", object_type=CLUSTER, object_id=fsid)
        return cluster

    def _writer(self, fsid: str) -> ClusterMonitor:
        close_old_connections()
        return self._cluster(fsid)


def _answer(snapshot: Snapshot | None, name: str, known: str | None) -> Snapshot:
    if snapshot is None:
        raise NotFound(f"Nothing is known of {name} yet.", object_type=name, object_id="")
    if known is not None and known == snapshot.version:
        return snapshot.model_copy(update={"unchanged": True, "content": None})
    return snapshot

"""The HTTP edge's read-only view of what cthulhu keeps in SQL: requests with their steps, events, last known rows.

With the RPC client this is all of cthulhu that `calamari_rest` may import. Nothing here writes.
"""

import orjson
from django.db.models import QuerySet

from cthulhu.persistence.models import Cluster, Event, Request, Severity, StoredSnapshot
from cthulhu.persistence.snapshots import sync_object_name
from cthulhu.requests.states import FINAL as FINAL_STEP_STATES
from cthulhu.rpc.types import Snapshot

__all__ = ["FINAL_STEP_STATES", "Severity", "clusters", "events", "requests", "snapshot", "sync_object_name"]


def requests() -> QuerySet[Request]:
    """Return all requests, newest first, with their steps."""
    return Request.objects.prefetch_related("steps")


def events() -> QuerySet[Event]:
    """Return all events, newest first."""
    return Event.objects.all()


def clusters() -> dict[str, str]:
    """Return fsid -> name of every cluster ever seen, and not deleted."""
    return dict(Cluster.objects.values_list("fsid", "name"))


def snapshot(fsid: str, name: str) -> Snapshot | None:
    """Return the last stored rows of an object type or content of a sync object; None if none were ever stored."""
    row = StoredSnapshot.objects.filter(fsid=fsid, name=name).first()
    if row is None:
        return None
    return Snapshot(
        fsid=fsid,
        name=name,
        version=row.version,
        updated_at=row.updated_at.timestamp(),
        content=orjson.loads(bytes(row.content)),
    )

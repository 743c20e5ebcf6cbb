"""The state of one cluster as the RPC shows it: sync objects, and the rows made of them, each with its version.

Written by the cluster's ClusterMonitor alone and read by any thread. Rows are built when first asked for at a version,
and then shared; whoever gets them must not change them.
"""

from collections.abc import Mapping
from typing import Any

from cthulhu.rpc.types import Snapshot
from cthulhu.sync.objects import CONTACT, SYNC_OBJECT_TYPES, SyncObject, SyncObjects, Version
from cthulhu.sync.resources import RESOURCES


class ClusterState:
    """Sync objects and rows of one cluster.

    After a restart it goes on from the sync objects that were stored in SQL, at their old versions, so that a node need
    send only what has moved since.
    """

    def __init__(self, fsid: str) -> None:
        self.fsid = fsid
        self.objects = SyncObjects()
        self._built: dict[str, tuple[str, Any]] = {}

    def restore(self, name: str, version: str, updated_at: float, content: Any) -> None:
        """Take in a sync object that an earlier run stored.

        Raises:
            KeyError, TypeError, ValueError: this release has no such sync object, or other versions of it.
        """
        held: Version = int(version) if SYNC_OBJECT_TYPES[name].ordered else version
        self.objects.offer(name, held, content, updated_at)

    def version(self, object_type: str) -> str | None:
        """Return the version of an object type's rows, or None when nothing is known of it."""
        return RESOURCES[object_type].version(self.objects.snapshot())

    def rows(self, object_type: str) -> Snapshot | None:
        """Return the rows of an object type with their version, or None when nothing is known of it."""
        resource = RESOURCES[object_type]
        objects = self.objects.snapshot()
        version = resource.version(objects)
        if version is None:
            return None
        built = self._built.get(object_type)
        if built is None or built[0] != version:
            built = (version, resource.build(objects))
            self._built[object_type] = built
        return Snapshot(
            fsid=self.fsid,
            name=object_type,
            version=version,
            updated_at=min(objects[name].updated_at for name in resource.depends if name in objects),
            content=built[1],
        )

    def sync_object(self, name: str) -> Snapshot | None:
        """Return a sync object as the monitors gave it, or None when it has not arrived."""
        item = self.objects.get(name)
        if item is None:
            return None
        return Snapshot(
            fsid=self.fsid, name=name, version=str(item.version), updated_at=item.updated_at, content=item.content
        )

    def sync_object_names(self) -> list[str]:
        """Return the names of the sync objects that come from the monitors."""
        return [name for name, kind in SYNC_OBJECT_TYPES.items() if kind.from_monitors]

    def row_of(self, object_type: str, object_id: str) -> dict[str, Any] | None:
        """Return the row of one object, or None."""
        snapshot = self.rows(object_type)
        if snapshot is None or not isinstance(snapshot.content, list):
            return None
        key = "name" if object_type == "mon" else "id"
        return next((row for row in snapshot.content if str(row[key]) == object_id), None)

    def object_versions(self) -> dict[str, str]:
        """Return object type -> version, of all that is known."""
        versions = {name: self.version(name) for name in RESOURCES}
        return {name: version for name, version in versions.items() if version is not None}

    def map_versions(self) -> dict[str, str]:
        """Return sync object -> version, of all that came from the monitors."""
        return {name: str(item.version) for name, item in self._from_monitors().items()}

    def rows_to_store(self) -> list[Snapshot]:
        """Return the rows of every object type, for those who read while cthulhu is down."""
        return [snapshot for snapshot in map(self.rows, RESOURCES) if snapshot is not None]

    def objects_to_store(self) -> list[Snapshot]:
        """Return the sync objects from which a later run can go on; whether there is contact it finds out itself."""
        items = [self.sync_object(name) for name in self.objects.names() if name != CONTACT]
        return [item for item in items if item is not None]

    def _from_monitors(self) -> Mapping[str, SyncObject]:
        return {name: item for name, item in self.objects.snapshot().items() if SYNC_OBJECT_TYPES[name].from_monitors}

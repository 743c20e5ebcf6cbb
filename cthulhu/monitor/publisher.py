"""Making the state visible outside cthulhu: the version vector at once, the rows in SQL a little later.

The vector is written before any notice leaves for the stream, so whoever acts on a notice finds the new version.
"""

import threading
import time

import structlog

from cthulhu.persistence import snapshots
from cthulhu.rpc.types import ClusterVersions, Snapshot, VersionState
from cthulhu.rpc.version_vector import VersionVectorWriter

log = structlog.get_logger(__name__)

# Rows in SQL serve only while cthulhu is down, so they may lag by this much.
STORE_PERIOD = 5.0


class VectorPublisher:
    """The only writer of the version vector; safe to use from every ClusterMonitor's thread."""

    def __init__(self, writer: VersionVectorWriter, generation: str) -> None:
        self._writer = writer
        self._generation = generation
        self._sequence = 0
        self._clusters: dict[str, ClusterVersions] = {}
        self._lock = threading.Lock()

    def publish(self, fsid: str, versions: ClusterVersions) -> None:
        """Put a cluster's versions in place of those before."""
        with self._lock:
            self._clusters[fsid] = versions
            self._write()

    def publish_all(self) -> None:
        """Write the vector as it stands: at start, when there may be no cluster yet."""
        with self._lock:
            self._write()

    def beat(self) -> None:
        """Show that cthulhu lives."""
        self._writer.beat(time.time())

    def _write(self) -> None:
        self._sequence += 1
        self._writer.publish(
            VersionState(
                generation=self._generation,
                sequence=self._sequence,
                heartbeat=time.time(),
                clusters=dict(self._clusters),
            )
        )


class SnapshotStore:
    """Stores what changed of one cluster's state, at most every `STORE_PERIOD` seconds."""

    def __init__(self, fsid: str) -> None:
        self.fsid = fsid
        self._stored: dict[str, str] = {}
        self._stored_at = 0.0

    def store_changes(self, rows: list[Snapshot], sync_objects: list[Snapshot], now: float) -> None:
        """Write what has another version than when it was last stored."""
        if now - self._stored_at < STORE_PERIOD:
            return
        self._stored_at = now
        named = [(item.name, item) for item in rows]
        named += [(snapshots.sync_object_name(item.name), item) for item in sync_objects]
        for name, item in named:
            if self._stored.get(name) != item.version:
                snapshots.store(self.fsid, name, item.version, item.updated_at, item.content)
                self._stored[name] = item.version

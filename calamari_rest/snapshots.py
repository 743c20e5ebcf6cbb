"""Reading the state of clusters: from this process's memory while the version vector says that it is current.

Two web processes never disagree, because both compare with the same vector before they answer: what has moved is
fetched from cthulhu first. While cthulhu is dead the last that was seen goes on being served, with its age; a process
that has seen nothing takes what cthulhu left in SQL.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog

from calamari_rest import backend
from calamari_rest.backend import Backend
from calamari_rest.exceptions import NoData
from cthulhu import journal
from cthulhu.rpc.errors import NotFound, ServerUnavailable
from cthulhu.rpc.types import CLUSTER, ClusterVersions, Snapshot, VersionState

log = structlog.get_logger(__name__)

# Seconds by which a time may have been cut off in SQL.
SQL_PRECISION = 1e-3


@dataclass(frozen=True)
class Source:
    """What is read: all rows of an object type, or a sync object, of one cluster."""

    fsid: str
    name: str
    sync_object: bool = False

    @property
    def stored_name(self) -> str:
        """Name under which cthulhu keeps it in SQL."""
        return journal.sync_object_name(self.name) if self.sync_object else self.name

    def current_version(self, state: VersionState | None) -> str | None:
        """Return the version that the vector names, None if it names none."""
        cluster = self.cluster(state)
        if cluster is None:
            return None
        return (cluster.maps if self.sync_object else cluster.objects).get(self.name)

    def cluster(self, state: VersionState | None) -> ClusterVersions | None:
        """Return the cluster's part of the vector."""
        return state.clusters.get(self.fsid) if state else None


@dataclass(frozen=True)
class Reading:
    """Content with what an answer tells about it.

    `version` differs whenever the content does. `confirmed_at`: Unix seconds at which it was last known to
    be current. `stale`: seconds since then, None while that is recent.
    """

    content: Any
    version: str
    confirmed_at: float
    stale: float | None


@dataclass(frozen=True)
class _Kept:
    """A snapshot in memory. `mark` is the state of the vector in which nothing newer was to be had."""

    snapshot: Snapshot
    generation: str
    mark: Hashable


class Snapshots:
    """The memory of one process. Contents are shared by all threads: nobody may change what he reads."""

    def __init__(self) -> None:
        self._kept: dict[Source, _Kept] = {}
        self._locks: defaultdict[Source, threading.Lock] = defaultdict(threading.Lock)

    def read(self, source: Source) -> Reading:
        """Return the current content, or the last known one while cthulhu is dead.

        Raises:
            NotFound: there is no such cluster or sync object.
            NoData: the cluster is known, but nothing was ever heard of this.
        """
        present = backend.current()
        state = present.state()
        kept = self._kept.get(source)
        if not _is_current(kept, source, state):
            self._require_cluster(source, state)
            # One thread fetches; those that waited for it find the result.
            with self._locks[source]:
                state = present.state()
                kept = self._kept.get(source)
                if not _is_current(kept, source, state):
                    kept = self._refresh(present, source, state, kept)
                    self._kept[source] = kept
        assert kept is not None  # noqa: S101  (for the type checker: _refresh returns or raises)
        return _reading(kept, source, state, present.contact_timeout)

    def _refresh(self, present: Backend, source: Source, state: VersionState | None, kept: _Kept | None) -> _Kept:
        if present.is_alive(state, time.time()) and source.cluster(state) is not None:
            try:
                return _fetch(present, source, state, kept)
            except ServerUnavailable as error:
                log.warning("reading without cthulhu", error=error.message, name=source.name)
        return _last_known(source, state, kept)

    def _require_cluster(self, source: Source, state: VersionState | None) -> None:
        if source.cluster(state) is None and source.fsid not in journal.clusters():
            raise NotFound(f"Cluster {source.fsid} not found.", object_type=CLUSTER, object_id=source.fsid)


def _is_current(kept: _Kept | None, source: Source, state: VersionState | None) -> bool:
    if kept is None:
        return False
    if state is not None and kept.generation == state.generation:
        current = source.current_version(state)
        if current is not None and kept.snapshot.version == current:
            return True
    return kept.mark == _mark(state)


def _mark(state: VersionState | None) -> Hashable:
    """Name the last thing cthulhu published while it is dead: until that moves, SQL holds nothing new."""
    if backend.current().is_alive(state, time.time()):
        return object()
    return (state.generation, state.sequence) if state else None


def _fetch(present: Backend, source: Source, state: VersionState | None, kept: _Kept | None) -> _Kept:
    assert state is not None  # noqa: S101  (only asked for while alive)
    known = kept.snapshot.version if kept and kept.generation == state.generation else None
    call = present.client.get_sync_object if source.sync_object else present.client.list
    try:
        snapshot = call(source.fsid, source.name, known)
    except NotFound as error:
        if error.data.get("object_type") == source.name:
            raise NoData(f"Nothing has been heard of {source.name} yet.") from error
        raise
    if snapshot.unchanged and kept is not None:
        snapshot = kept.snapshot
    return _Kept(snapshot, state.generation, object())


def _last_known(source: Source, state: VersionState | None, kept: _Kept | None) -> _Kept:
    stored = journal.snapshot(source.fsid, source.stored_name)
    candidates = [snapshot for snapshot in (stored, kept.snapshot if kept else None) if snapshot is not None]
    if not candidates and source.sync_object and source.current_version(state) is None:
        raise NotFound(f"There is no sync object {source.name}.", object_type="sync_object", object_id=source.name)
    if not candidates:
        raise NoData(f"Nothing has been heard of {source.name} yet.")
    # SQL keeps microseconds: of two that are equally old, the stored one may seem a little older than that in memory.
    snapshot = max(candidates, key=lambda found: found.updated_at + (SQL_PRECISION if found is stored else 0.0))
    return _Kept(snapshot, state.generation if state else "", _mark(state))


def _reading(kept: _Kept, source: Source, state: VersionState | None, contact_timeout: float) -> Reading:
    cluster = source.cluster(state)
    confirmed_at = kept.snapshot.updated_at
    if cluster is not None and source.current_version(state) == kept.snapshot.version:
        confirmed_at = max(confirmed_at, cluster.contact)
    age = time.time() - confirmed_at
    return Reading(
        content=kept.snapshot.content,
        version=f"{kept.snapshot.name}/{kept.snapshot.version}",
        confirmed_at=confirmed_at,
        stale=age if age > contact_timeout else None,
    )


@cache
def _snapshots() -> Snapshots:
    return Snapshots()


def read(fsid: str, object_type: str) -> Reading:
    """Return the rows of an object type of a cluster; see `Snapshots.read` for what is raised."""
    return _snapshots().read(Source(fsid, object_type))


def read_sync_object(fsid: str, name: str) -> Reading:
    """Return a sync object of a cluster, as the monitors gave it; see `Snapshots.read` for what is raised."""
    return _snapshots().read(Source(fsid, name, sync_object=True))


def sync_object_names(fsid: str) -> list[str]:
    """Return the names of a cluster's sync objects.

    Raises:
        NotFound: there is no such cluster.
    """
    present = backend.current()
    state = present.state()
    cluster = state.clusters.get(fsid) if state else None
    if cluster is not None and present.is_alive(state, time.time()):
        try:
            return present.client.list_sync_objects(fsid)
        except ServerUnavailable as error:
            log.warning("reading without cthulhu", error=error.message)
    if cluster is None and fsid not in journal.clusters():
        raise NotFound(f"Cluster {fsid} not found.", object_type=CLUSTER, object_id=fsid)
    return sorted(cluster.maps) if cluster is not None else []

"""Everything cthulhu does for one cluster: take in what its nodes send, keep its state, plan changes, follow requests.

One thread takes the events of one queue in order, so that there is one writer per cluster; RPC threads read the state
and, under `lock`, create requests. A failure in handling one event is logged and stops neither this cluster nor others.
"""

import datetime as dt
import queue
import threading
import time
from typing import Any

import structlog
from django.db import close_old_connections

from configuration import Settings
from cthulhu.monitor import eventer
from cthulhu.monitor.nodes import Nodes
from cthulhu.monitor.publisher import SnapshotStore, VectorPublisher
from cthulhu.monitor.relay import Relay
from cthulhu.monitor.requests import RequestTracker
from cthulhu.monitor.state import ClusterState
from cthulhu.monitor.verification import Verification
from cthulhu.monitor.watch import WATCH, Watch
from cthulhu.persistence import ledger, snapshots
from cthulhu.persistence.events import record
from cthulhu.persistence.models import Cluster, Severity
from cthulhu.remote.port import Heartbeat, JobReturn, MapUpdate, Remote, RemoteEvent
from cthulhu.requests.factory import RequestFactory
from cthulhu.requests.osd import OsdRequestFactory
from cthulhu.requests.user_request import UserRequest
from cthulhu.rpc.dispatcher import remaining_time
from cthulhu.rpc.errors import ClusterUnavailable, InvalidCall, NotFound, ServerUnavailable
from cthulhu.rpc.types import CLUSTER, OSD, Caller, ClusterVersions
from cthulhu.sync.objects import CONTACT, OSD_MAP, SERVERS, digest
from cthulhu.sync.validation import InvalidMap, check_identity, validated

log = structlog.get_logger(__name__)

TICK_PERIOD = 1.0
# Changes are refused as soon as contact is lost; people are told when it does not come back at once.
TELL_SILENCE = 10.0

FACTORIES: dict[str, type[RequestFactory]] = {OSD: OsdRequestFactory}


class ClusterMonitor:
    """One cluster. `fsid` never changes; the name is what its nodes' configuration calls it."""

    def __init__(
        self, fsid: str, name: str, *, settings: Settings, remote: Remote, publisher: VectorPublisher, relay: Relay
    ) -> None:
        self.fsid = fsid
        self.name = name
        self.state = ClusterState(fsid)
        self.nodes = Nodes(settings.contact_timeout, settings.favorite_timeout, settings.clock_tolerance)
        self.lock = threading.RLock()
        self._settings = settings
        self._publisher = publisher
        self._relay = relay
        self._queue: queue.SimpleQueue[RemoteEvent] = queue.SimpleQueue()
        self._watch = Watch(remote, settings.watch_lease)
        verification = Verification(remote, self.nodes, settings, self.state.row_of)
        self._tracker = RequestTracker(fsid, settings, verification)
        self._snapshot_store = SnapshotStore(fsid)
        self._announced: dict[str, str] = {}
        self._seen: dict[str, Any] = {}
        self._contact = 0.0
        self._connected_since: dt.datetime | None = None
        self._told_in_contact = False

    # -- Thread -------------------------------------------------------------------------------------------------------

    def put(self, event: RemoteEvent) -> None:
        """Queue an event of one of the cluster's nodes."""
        self._queue.put(event)

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop: each event in turn, and once a second what time brings."""
        self._guard(self.restore)
        next_tick = time.monotonic()
        while not stopping.is_set():
            try:
                event = self._queue.get(timeout=max(0.0, next_tick - time.monotonic()))
            except queue.Empty:
                next_tick = time.monotonic() + TICK_PERIOD
                self._guard(self.tick)
            else:
                self._guard(self.handle, event)
                if time.monotonic() > next_tick + TICK_PERIOD:
                    next_tick = time.monotonic() + TICK_PERIOD
                    self._guard(self.tick)

    def _guard(self, step: Any, *arguments: Any) -> None:
        try:
            close_old_connections()
            with self.lock:
                step(*arguments)
        except Exception:
            log.exception("handling failed, going on", fsid=self.fsid)

    def restore(self) -> None:
        """Take in what an earlier run stored, so that reads are answered, marked stale, before any node is heard."""
        Cluster.objects.get_or_create(fsid=self.fsid, defaults={"name": self.name})
        for name, version, updated_at, content in snapshots.sync_objects(self.fsid):
            try:
                self.state.restore(name, version, updated_at, content)
            except (KeyError, TypeError, ValueError) as error:
                log.warning("stored map not taken", map=name, fsid=self.fsid, error=str(error))
            self._contact = max(self._contact, updated_at)
        self._seen = snapshots.rows(self.fsid)
        self._update_contact(time.time())
        self._publish()

    # -- What comes in ------------------------------------------------------------------------------------------------

    def handle(self, event: RemoteEvent) -> None:
        """Take in one event; the caller holds `lock`."""
        match event:
            case Heartbeat():
                self._on_heartbeat(event)
            case MapUpdate():
                self._on_map(event)
            case JobReturn(function=function) if function == WATCH:
                if not event.success:
                    log.warning("watch refused", fsid=self.fsid, node=event.node, error=event.error)
            case JobReturn():
                self._tracker.on_return(event)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> None:
        self.nodes.observe(heartbeat)
        if heartbeat.connected:
            answered = heartbeat.received_at - heartbeat.silence
            self._contact = max(self._contact, answered)
            if heartbeat.node == self.nodes.favorite:
                for name, version in heartbeat.versions.items():
                    self.state.objects.confirm(name, version, answered)
        daemons = self.nodes.daemons()
        self.state.objects.offer(SERVERS, digest(daemons), daemons, heartbeat.received_at)
        self._tend_watch(heartbeat.received_at)
        self._update_contact(heartbeat.received_at)
        self._publish()

    def _on_map(self, update: MapUpdate) -> None:
        if update.lease != self._watch.lease or update.node != self._watch.node:
            return
        try:
            content, problems = validated(update.map, update.content)
            check_identity(content, self.fsid, update.version)
            moved = self.state.objects.offer(update.map, update.version, content, update.received_at)
        except (InvalidMap, KeyError, TypeError) as error:
            log.warning("map refused", map=update.map, fsid=self.fsid, node=update.node, error=str(error))
            return
        if problems:
            log.warning("map cleaned", map=update.map, fsid=self.fsid, problems=problems[:10])
        self._contact = max(self._contact, update.received_at)
        if moved:
            self._publish()
            if update.map == OSD_MAP:
                self._tracker.on_osd_map(self._osd_map_epoch())

    def tick(self) -> None:
        """Do what time brings: renew the watch, notice silence, follow the requests, store what changed."""
        now = time.time()
        self._tend_watch(now)
        self._update_contact(now)
        self._publish()
        self._tracker.tick(self._osd_map_epoch(), self._connected_since)
        self._snapshot_store.store_changes(self.state.rows_to_store(), self.state.objects_to_store(), now)

    # -- What follows from it -----------------------------------------------------------------------------------------

    def _tend_watch(self, now: float) -> None:
        since = {name: self.state.objects.versions()[name] for name in self.state.map_versions()}
        if self.nodes.choose_favorite(now):
            favorite = self.nodes.favorite
            log.info("favorite node", fsid=self.fsid, node=favorite)
            Cluster.objects.update_or_create(fsid=self.fsid, defaults={"favorite": favorite or "", "name": self.name})
            self._watch.move_to(favorite, since, now)
        elif self.nodes.favorite is not None:
            node = self.nodes.get(self.nodes.favorite)
            self._watch.keep(node.heartbeat if node else None, since, now)

    def _update_contact(self, now: float) -> None:
        connected = self.is_connected(now)
        if not connected:
            self._connected_since = None
        elif self._connected_since is None:
            self._connected_since = dt.datetime.fromtimestamp(now, dt.UTC)
        if connected and not self._told_in_contact:
            self._tell_contact(Severity.RECOVERY, "cluster.contact", "is in contact")
        elif self._told_in_contact and now - self._contact > TELL_SILENCE:
            self._tell_contact(Severity.WARNING, "cluster.lost", "is out of contact")
        contact = {"id": self.fsid, "name": self.name, "connected": connected}
        self.state.objects.offer(CONTACT, digest(contact), contact, self._contact)

    def _tell_contact(self, severity: Severity, kind: str, what: str) -> None:
        self._told_in_contact = not self._told_in_contact
        record(severity, kind, f"Cluster {self.name} {what}", fsid=self.fsid, object_type=CLUSTER, object_id=self.fsid)

    def _publish(self) -> None:
        """Write the version vector, then announce what moved, then tell people what it means."""
        versions = self.state.object_versions()
        self._publisher.publish(
            self.fsid,
            ClusterVersions(
                name=self.name,
                contact=self._contact,
                connected=self._connected_since is not None,
                objects=versions,
                maps=self.state.map_versions(),
            ),
        )
        for name, version in versions.items():
            if self._announced.get(name) != version:
                self._announced[name] = version
                self._relay.version_moved(self.fsid, name, version)
                self._tell_changes(name)

    def _tell_changes(self, object_type: str) -> None:
        snapshot = self.state.rows(object_type)
        after = snapshot.content if snapshot else None
        eventer.record_all(self.fsid, eventer.changes(object_type, self._seen.get(object_type), after))
        self._seen[object_type] = after

    def _osd_map_epoch(self) -> int:
        osd_map = self.state.objects.get(OSD_MAP)
        return osd_map.version if osd_map and isinstance(osd_map.version, int) else 0

    # -- What the RPC asks --------------------------------------------------------------------------------------------

    def is_connected(self, now: float) -> bool:
        """Tell whether a node has confirmed within the contact timeout that it reaches the monitors."""
        return self.nodes.favorite is not None and now - self._contact <= self._settings.contact_timeout

    def factory(self, object_type: str) -> RequestFactory:
        """Return the request factory of an object type.

        Raises:
            InvalidCall: objects of this type cannot be changed.
        """
        if object_type not in FACTORIES:
            raise InvalidCall(f"Objects of type {object_type} cannot be changed.")
        return FACTORIES[object_type](self.name)

    def row(self, object_type: str, object_id: str) -> dict[str, Any]:
        """Return the present row of one object.

        Raises:
            NotFound: there is no such object.
        """
        row = self.state.row_of(object_type, object_id)
        if row is None:
            raise NotFound(f"{object_type} {object_id} not found.", object_type=object_type, object_id=object_id)
        return row

    def update(self, object_type: str, object_id: str, attributes: dict[str, Any], caller: Caller) -> str | None:
        """Plan and store the change of an object; return the request's id, None if nothing has to be done.

        While an earlier change of the object is still on its way, the present row says nothing of what it will be, so
        nothing is taken to be done already.

        Raises:
            NotFound, InvalidAttributes, ClusterUnavailable: the change is not accepted, nothing is stored.
        """
        with self.lock:
            row = self.row(object_type, object_id)
            factory = self.factory(object_type)
            pending = ledger.incomplete(self.fsid, object_type, object_id).exists()
            planned = factory.update(factory.undecided(row, attributes) if pending else row, attributes)
            return self._submit(planned, caller)

    def apply(self, object_type: str, object_id: str, command: str, caller: Caller) -> str | None:
        """Plan and store a command on an object; return the request's id.

        Raises:
            NotFound, CommandNotAllowed, ClusterUnavailable: the command is not accepted, nothing is stored.
        """
        with self.lock:
            return self._submit(self.factory(object_type).apply(self.row(object_type, object_id), command), caller)

    def _submit(self, planned: UserRequest | None, caller: Caller) -> str | None:
        if remaining_time() <= 0:
            raise ServerUnavailable("The caller no longer waits, so nothing was changed.", sent=False)
        if not self.is_connected(time.time()):
            since = dt.datetime.fromtimestamp(self._contact, dt.UTC).isoformat()
            raise ClusterUnavailable(f"Cluster {self.name} is out of contact.", fsid=self.fsid, since=since)
        if planned is None:
            return None
        return str(ledger.create_request(self.fsid, self.name, planned, caller).id)

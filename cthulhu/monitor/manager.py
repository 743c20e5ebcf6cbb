"""The whole of cthulhu: one listener on the nodes, one ClusterMonitor per fsid, the relay, the RPC server.

A cluster is found when one of its nodes first sends a heartbeat; nothing is configured by hand.
"""

import threading
import time
import uuid
from collections.abc import Callable, Mapping

import structlog
from django.db import close_old_connections

from configuration import Settings
from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.monitor.publisher import VectorPublisher
from cthulhu.monitor.relay import Relay
from cthulhu.persistence.events import record
from cthulhu.persistence.models import Cluster, Severity, Step
from cthulhu.remote.port import Heartbeat, JobReturn, MapUpdate, Remote, RemoteEvent
from cthulhu.rpc.version_vector import VersionVectorWriter

log = structlog.get_logger(__name__)

BEAT_PERIOD = 0.5
RETRY_PERIOD = 1.0
MOST_CLUSTERS = 256


class Manager:
    """Owns every thread of cthulhu but the RPC server's. `generation` names this run."""

    def __init__(self, settings: Settings, remote: Remote) -> None:
        self.generation = uuid.uuid4().hex
        self._settings = settings
        self._remote = remote
        self._publisher = VectorPublisher(VersionVectorWriter(settings.version_vector), self.generation)
        self._relay = Relay(settings.redis_url, settings.stream_length)
        self._stopping = threading.Event()
        self._clusters: dict[str, ClusterMonitor] = {}

    @property
    def clusters(self) -> Mapping[str, ClusterMonitor]:
        """Return the clusters that are known now, by fsid."""
        return self._clusters

    def start(self) -> None:
        """Load the known clusters, so that they are answered for at once, and start all threads."""
        for cluster in Cluster.objects.all():
            self._add_cluster(cluster.fsid, cluster.name)
        self._publisher.publish_all()
        record(Severity.INFO, "calamari.started", "Calamari server started")
        self._start_thread("beat", self._beat)
        self._start_thread("relay", lambda: self._relay.run(self._stopping))
        self._start_thread("listener", self._listen)

    def stop(self) -> None:
        """Tell all threads to end; they are daemons and need no waiting for."""
        self._stopping.set()

    def dispatch(self, event: RemoteEvent) -> None:
        """Give an event to the cluster it concerns."""
        match event:
            case Heartbeat(fsid=fsid, cluster=name):
                if fsid and fsid not in self._clusters:
                    self._discover(fsid, name)
                cluster = self._clusters.get(fsid)
            case MapUpdate(fsid=fsid):
                cluster = self._clusters.get(fsid)
            case JobReturn(job_id=job_id):
                cluster = self._cluster_of_job(job_id, event.node)
        if cluster is not None:
            cluster.put(event)

    def _discover(self, fsid: str, name: str) -> None:
        if len(self._clusters) >= MOST_CLUSTERS:
            log.error("too many clusters, ignoring one", fsid=fsid)
            return
        log.info("cluster found", fsid=fsid, name=name)
        self._add_cluster(fsid, name)

    def _add_cluster(self, fsid: str, name: str) -> None:
        cluster = ClusterMonitor(
            fsid,
            name,
            settings=self._settings,
            remote=self._remote,
            publisher=self._publisher,
            relay=self._relay,
        )
        self._clusters[fsid] = cluster
        self._start_thread(f"cluster {fsid}", lambda: cluster.run(self._stopping))

    def _cluster_of_job(self, job_id: str, node: str) -> ClusterMonitor | None:
        fsid = Step.objects.filter(job_id=job_id).values_list("request__fsid", flat=True).first()
        if fsid is not None:
            return self._clusters.get(fsid)
        return next((cluster for cluster in self._clusters.values() if cluster.nodes.get(node)), None)

    def _listen(self) -> None:
        for event in self._remote.events():
            if self._stopping.is_set():
                return
            close_old_connections()
            self.dispatch(event)

    def _beat(self) -> None:
        while not self._stopping.wait(BEAT_PERIOD):
            self._publisher.beat()

    def _start_thread(self, name: str, work: Callable[[], None]) -> None:
        def keep_working() -> None:
            while not self._stopping.is_set():
                try:
                    work()
                except Exception:
                    log.exception("thread failed, starting it anew", thread=name)
                    time.sleep(RETRY_PERIOD)

        threading.Thread(target=keep_working, name=name, daemon=True).start()

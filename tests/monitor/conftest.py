"""A ClusterMonitor with a real database and a remote that only records."""

from pathlib import Path

import pytest

from configuration import Settings
from cthulhu import tasks
from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.monitor.publisher import VectorPublisher
from cthulhu.monitor.relay import Relay
from cthulhu.persistence import carrier
from cthulhu.rpc.version_vector import VersionVectorReader, VersionVectorWriter
from tests.monitor.played_nodes import Nodes, RecordingRemote, recorded


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the ids of the steps that are handed to the worker, in place of sending them to a broker."""
    sent: list[int] = []
    monkeypatch.setattr(carrier, "_send", sent.append)
    return sent


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> RecordingRemote:
    remote = RecordingRemote()
    monkeypatch.setattr(tasks, "remote", lambda: remote)
    return remote


@pytest.fixture
def vector(tmp_path: Path) -> Path:
    return tmp_path / "versions"


@pytest.fixture
def read_vector(vector: Path) -> VersionVectorReader:
    return VersionVectorReader(vector)


@pytest.fixture
def monitor(transactional_db: None, remote: RecordingRemote, vector: Path, handed_over: list[int]) -> ClusterMonitor:
    settings = Settings()
    monitor = ClusterMonitor(
        recorded("osd_map")["fsid"],
        "ceph",
        settings=settings,
        remote=remote,
        publisher=VectorPublisher(VersionVectorWriter(vector), "generation"),
        relay=Relay("redis://127.0.0.1:1", 100),
    )
    monitor.restore()
    return monitor


@pytest.fixture
def nodes(monitor: ClusterMonitor, remote: RecordingRemote) -> Nodes:
    """A cluster in contact, with all recorded maps in place."""
    nodes = Nodes(monitor, remote, monitor.fsid)
    nodes.heartbeat("node1")
    nodes.heartbeat("node2")
    for name, version in (
        ("crush_map", "c"),
        ("osd_metadata", "m"),
        ("mon_map", recorded("mon_map")["epoch"]),
        ("mon_status", recorded("mon_status")["election_epoch"]),
        ("health", "h"),
    ):
        nodes.push(name, recorded(name), version)
    nodes.push_osd_map(up=1, **{"in": 1}, weight=1.0)
    return nodes

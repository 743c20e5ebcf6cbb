"""Watching one cluster: who is read, what is believed, what is published, what people are told."""

import time
from typing import Any

import pytest

from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.persistence.models import Cluster, Event, StoredSnapshot
from cthulhu.remote.port import MapUpdate
from cthulhu.rpc.version_vector import VersionVectorReader
from tests.monitor.played_nodes import Nodes, RecordingRemote, recorded


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


class TestFavorite:
    def test_first_node_with_a_mon(self, monitor: ClusterMonitor, remote: RecordingRemote) -> None:
        nodes = Nodes(monitor, remote, monitor.fsid)
        nodes.heartbeat("node1")
        watch = remote.last("ceph.watch")
        assert watch.node == "node1"
        assert watch.arguments["since"] == {}
        assert Cluster.objects.get(fsid=monitor.fsid).favorite == "node1"

    def test_moves_when_silent_and_takes_the_versions_along(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = remote.last("ceph.watch").arguments["lease"]
        later = time.time() + 7
        monkeypatch.setattr(time, "time", lambda: later)
        nodes.heartbeat("node2")
        watch = remote.last("ceph.watch")
        assert watch.node == "node2"
        assert watch.arguments["lease"] != lease
        assert watch.arguments["since"]["osd_map"] == monitor.state.objects.get("osd_map").version
        assert Cluster.objects.get(fsid=monitor.fsid).favorite == "node2"

    def test_moves_when_the_node_does_not_reach_the_monitors(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote
    ) -> None:
        nodes.heartbeat("node1", connected=False, error="timed out")
        assert remote.last("ceph.watch").node == "node2"

    def test_moves_when_the_monitors_stopped_answering_it(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote
    ) -> None:
        nodes.heartbeat("node1", silence=6.5)
        assert remote.last("ceph.watch").node == "node2"

    def test_stays_while_it_is_usable(self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote) -> None:
        asked = len(remote.jobs)
        nodes.heartbeat("node2")
        nodes.heartbeat("node1", lease=remote.last("ceph.watch").arguments["lease"])
        assert len(remote.jobs) == asked

    @pytest.mark.parametrize("difference", [-6.0, 6.0])
    def test_is_no_node_with_another_time(
        self, monitor: ClusterMonitor, remote: RecordingRemote, difference: float
    ) -> None:
        nodes = Nodes(monitor, remote, monitor.fsid)
        nodes.heartbeat("node1", time=time.time() + difference)
        assert remote.jobs == []
        assert monitor.nodes.favorite is None

    def test_is_asked_again_when_it_works_without_our_lease_or_is_ahead(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lease = remote.last("ceph.watch").arguments["lease"]
        nodes.heartbeat("node1", lease=lease)
        start, asked = time.time(), len(remote.jobs)
        for seconds, expected in ((0.5, 0), (1.5, 0), (2.1, 1), (2.5, 1)):
            monkeypatch.setattr(time, "time", lambda now=start + seconds: now)
            nodes.heartbeat("node1", lease=lease, versions={"osd_map": 999_999})
            assert len(remote.jobs) - asked == expected


class TestMaps:
    def test_without_our_lease_are_not_believed(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        epoch = monitor.state.objects.get("osd_map").version
        monitor.handle(
            MapUpdate("node1", time.time(), monitor.fsid, "other", "osd_map", epoch + 1, recorded("osd_map"))
        )
        assert monitor.state.objects.get("osd_map").version == epoch

    def test_older_epoch_is_not_believed(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        epoch = monitor.state.objects.get("osd_map").version
        nodes.push("osd_map", {**recorded("osd_map"), "epoch": 1}, 1)
        assert monitor.state.objects.get("osd_map").version == epoch

    @pytest.mark.parametrize("content", [None, [], "x", {"osds": 7}, {"osds": [{"osd": "nonsense"}]}])
    def test_hostile_content_stops_nothing(self, monitor: ClusterMonitor, nodes: Nodes, content: Any) -> None:
        epoch = monitor.state.objects.get("osd_map").version
        with monitor.lock:
            monitor._guard(nodes.push, "osd_map", content, epoch + 1)
        epoch = nodes.push_osd_map(up=0)
        assert monitor.state.objects.get("osd_map").version == epoch
        assert monitor.row("osd", "1")["up"] is False

    def test_server_of_an_osd_is_the_node_that_names_it(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        assert monitor.row("osd", "0")["server"] == "node1"
        assert monitor.row("osd", "1")["server"] == "node2"

    def test_vector_shows_every_version(
        self, monitor: ClusterMonitor, nodes: Nodes, read_vector: VersionVectorReader
    ) -> None:
        state = read_vector.read()
        assert state is not None
        versions = state.clusters[monitor.fsid]
        assert versions.connected
        assert versions.maps["osd_map"] == str(monitor.state.objects.get("osd_map").version)
        assert versions.objects == monitor.state.object_versions()
        assert set(versions.objects) == {"cluster", "osd", "pool", "mon", "health"}


class TestEvents:
    def test_first_sight_is_no_change(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        assert set(kinds()) == {"cluster.contact"}

    def test_osd_goes_down_out_up_in(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        before = len(kinds())
        nodes.push_osd_map(up=0, weight=1.0)
        nodes.push_osd_map(up=0, **{"in": 0}, weight=0.0)
        nodes.push_osd_map(up=1, **{"in": 0}, weight=0.0)
        nodes.push_osd_map(up=1, **{"in": 1}, weight=1.0)
        assert kinds()[before:] == ["osd.down", "osd.out", "osd.up", "osd.in"]
        assert Event.objects.get(kind="osd.down").message == "OSD 1 went down on node2"

    def test_health(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        nodes.push("health", {"status": "HEALTH_OK", "checks": {}, "mutes": []}, "ok")
        nodes.push("health", recorded("health_warnings"), "warn")
        assert Event.objects.filter(kind="health.changed").order_by("-id")[0].severity == 3

    def test_contact_is_when_the_monitors_answered_not_when_the_node_spoke(
        self, monitor: ClusterMonitor, remote: RecordingRemote
    ) -> None:
        nodes = Nodes(monitor, remote, monitor.fsid)
        nodes.heartbeat("node1", silence=2.0)
        assert monitor._contact == pytest.approx(time.time() - 2, abs=0.5)

    def test_contact_lost_and_regained(
        self, monitor: ClusterMonitor, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = time.time()
        monkeypatch.setattr(time, "time", lambda: start + 5)
        monitor.tick()
        assert monitor.state.rows("cluster").content["connected"] is False
        assert "cluster.lost" not in kinds()
        monkeypatch.setattr(time, "time", lambda: start + 12)
        monitor.tick()
        monitor.tick()
        assert kinds()[-1] == "cluster.lost"
        nodes.heartbeat("node1")
        assert kinds()[-1] == "cluster.contact"
        assert kinds().count("cluster.lost") == 1


def restarted(monitor: ClusterMonitor, remote: RecordingRemote) -> ClusterMonitor:
    """Return what follows a cluster's monitor after a restart of cthulhu."""
    again = ClusterMonitor(
        monitor.fsid,
        "ceph",
        settings=monitor._settings,
        remote=remote,
        publisher=monitor._publisher,
        relay=monitor._relay,
    )
    again.restore()
    return again


class TestRestart:
    def test_last_state_is_there_before_any_node_is_heard(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote
    ) -> None:
        monitor.tick()
        assert StoredSnapshot.objects.filter(fsid=monitor.fsid, name="osd").exists()
        rows, contact = monitor.state.rows("osd"), monitor._contact
        again = restarted(monitor, remote)
        assert again.state.rows("osd").content == rows.content
        assert again.state.rows("osd").version == rows.version
        assert again._contact == pytest.approx(contact, abs=1e-3)
        assert not again.is_connected(time.time())
        assert again.state.sync_object("osd_map").content == monitor.state.sync_object("osd_map").content

    def test_what_changed_meanwhile_is_told(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote
    ) -> None:
        monitor.tick()
        again = restarted(monitor, remote)
        player = Nodes(again, remote, monitor.fsid)
        player.heartbeat("node1")
        player.heartbeat("node2")
        player.push("crush_map", recorded("crush_map"), "c")
        osd_map = recorded("osd_map")
        osd_map["epoch"] += 9
        for osd in osd_map["osds"]:
            if osd["osd"] == 1:
                osd["up"] = 0
        player.push("osd_map", osd_map, osd_map["epoch"])
        assert "osd.down" in kinds()

"""Clusters, pools, monitors, health, sync objects; versions and ages; what is answered while cthulhu is dead."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_framework.test import APIClient

from calamari_rest import snapshots
from calamari_rest.serializers.cluster import ClusterSerializer, HealthSerializer
from calamari_rest.serializers.mon import MonSerializer
from calamari_rest.serializers.pool import PoolSerializer
from cthulhu.monitor.service import Service
from cthulhu.persistence.models import Cluster
from cthulhu.rpc.client import Client
from cthulhu.rpc.transports import LocalTransport
from tests.api.conftest import API, CLUSTER, FSID, Cthulhu
from tests.monitor.played_nodes import recorded

UNKNOWN = f"{API}/cluster/00000000-0000-0000-0000-000000000000"
READABLE = ["", "/health", "/osd", "/osd/1", "/pool", "/mon", "/mon/a", "/mon/a/status", "/sync_object/osd_map"]


class TestResources:
    def test_clusters(self, reader: APIClient) -> None:
        rows = reader.get(f"{API}/cluster").json()
        assert [set(row) for row in rows] == [set(ClusterSerializer().fields)]
        assert (rows[0]["id"], rows[0]["name"], rows[0]["connected"]) == (FSID, "ceph", True)
        assert reader.get(CLUSTER).json() == rows[0]
        assert reader.get(f"{API}/cluster", {"page": 1}).json()["results"] == rows

    def test_pools(self, reader: APIClient) -> None:
        rows = reader.get(f"{CLUSTER}/pool").json()
        assert all(set(row) == set(PoolSerializer().fields) for row in rows)
        assert reader.get(f"{CLUSTER}/pool/{rows[0]['id']}").json() == rows[0]
        assert reader.get(f"{CLUSTER}/pool", {"name": rows[0]["name"]}).json() == [rows[0]]
        assert reader.get(f"{CLUSTER}/pool/999").status_code == 404

    def test_mons(self, reader: APIClient) -> None:
        rows = reader.get(f"{CLUSTER}/mon").json()
        assert all(set(row) == set(MonSerializer().fields) for row in rows)
        assert reader.get(f"{CLUSTER}/mon/{rows[0]['name']}").json() == rows[0]
        assert len(reader.get(f"{CLUSTER}/mon", {"in_quorum": "true"}).json()) == len(rows)
        assert reader.get(f"{CLUSTER}/mon/nobody").status_code == 404
        assert reader.get(f"{CLUSTER}/mon/nobody/status").status_code == 404
        status = reader.get(f"{CLUSTER}/mon/{rows[0]['name']}/status").json()
        assert status["quorum_names"] == recorded("mon_status")["quorum_names"]

    def test_health(self, reader: APIClient) -> None:
        assert set(reader.get(f"{CLUSTER}/health").json()) == set(HealthSerializer().fields)

    def test_sync_objects(self, reader: APIClient) -> None:
        names = reader.get(f"{CLUSTER}/sync_object").json()
        assert {"osd_map", "mon_map", "mon_status", "pg_summary", "health", "config"} <= set(names)
        assert reader.get(f"{CLUSTER}/sync_object/mon_map").json()["fsid"] == FSID
        assert reader.get(f"{CLUSTER}/sync_object/config").content == b"null"
        for unknown in ("nothing", "servers", "osd"):
            assert reader.get(f"{CLUSTER}/sync_object/{unknown}").status_code == 404

    @pytest.mark.parametrize("url", READABLE)
    def test_unknown_cluster(self, reader: APIClient, url: str) -> None:
        answer = reader.get(UNKNOWN + url)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_nothing_heard_yet(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        cthulhu.monitor.state.objects._current = {}
        answer = reader.get(f"{CLUSTER}/osd")
        assert (answer.status_code, answer.json()["code"]) == (503, "no_data")

    @pytest.mark.parametrize("url", READABLE)
    def test_details_take_no_parameters(self, reader: APIClient, url: str) -> None:
        answer = reader.get(f"{CLUSTER}{url}?surprise=1")
        assert answer.status_code == 400
        assert "surprise" in answer.json()


class TestVersions:
    @pytest.mark.parametrize("url", READABLE)
    def test_not_modified(self, reader: APIClient, url: str) -> None:
        first = reader.get(CLUSTER + url)
        assert first["ETag"]
        again = reader.get(CLUSTER + url, headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        other = reader.get(CLUSTER + url, headers={"If-None-Match": '"other", W/"ones"'})
        assert other.status_code == 200

    def test_modified(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        first = reader.get(f"{CLUSTER}/osd/1")
        cthulhu.nodes.push_osd_map(up=0)
        again = reader.get(f"{CLUSTER}/osd/1", headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.json()["up"]) == (200, False)

    def test_last_modified(self, reader: APIClient) -> None:
        assert reader.get(f"{CLUSTER}/osd")["Last-Modified"].endswith("GMT")

    def test_unchanged_versions_ask_cthulhu_nothing(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        first = reader.get(f"{CLUSTER}/osd").json()
        calls: list[bytes] = []

        class Counting:
            def send(self, body: bytes, seconds: float, correlation_id: str) -> bytes:
                calls.append(body)
                raise AssertionError

        cthulhu.install(Client(Counting()))  # type: ignore[arg-type]
        assert reader.get(f"{CLUSTER}/osd").json() == first
        assert calls == []

    def test_many_threads_fetch_a_version_once(self, cthulhu: Cthulhu) -> None:
        calls: list[bytes] = []
        local = LocalTransport(Service(cthulhu))

        class Slow:
            def send(self, body: bytes, seconds: float, correlation_id: str) -> bytes:
                calls.append(body)
                time.sleep(0.1)
                return local.send(body, seconds, correlation_id)

            def close(self) -> None:
                """Nothing is held open."""

        cthulhu.install(Client(Slow()))
        memory, source = snapshots.Snapshots(), snapshots.Source(FSID, "osd")
        with ThreadPoolExecutor(16) as pool:
            readings = list(pool.map(lambda _: memory.read(source), range(64)))
        assert len(calls) == 1
        assert len({reading.version for reading in readings}) == 1

    def test_two_processes_agree(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        one, other = snapshots.Snapshots(), snapshots.Snapshots()
        source = snapshots.Source(FSID, "osd")
        assert one.read(source).content[1]["in"]
        assert other.read(source).content[1]["in"]
        cthulhu.nodes.push_osd_map(**{"in": 0, "weight": 0})
        assert not one.read(source).content[1]["in"]
        assert not other.read(source).content[1]["in"]
        assert one.read(source).version == other.read(source).version


class TestAge:
    def test_recent_answers_tell_none(self, reader: APIClient) -> None:
        for url in READABLE:
            assert "X-Calamari-Stale" not in reader.get(CLUSTER + url)

    @pytest.mark.parametrize("url", READABLE)
    def test_cluster_out_of_contact(self, reader: APIClient, cthulhu: Cthulhu, url: str) -> None:
        contact = time.time() - 300
        cthulhu.monitor._contact = contact
        for item in list(cthulhu.monitor.state.objects._current.values()):
            object.__setattr__(item, "updated_at", contact)
        cthulhu.monitor.tick()
        answer = reader.get(CLUSTER + url)
        assert answer.status_code == 200
        assert 299 <= int(answer["X-Calamari-Stale"]) <= 330
        if not url:
            assert answer.json()["connected"] is False


class TestDeadCthulhu:
    def test_what_was_read_is_still_answered(
        self, reader: APIClient, cthulhu: Cthulhu, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = {url: reader.get(CLUSTER + url).json() for url in READABLE if url}
        cthulhu.die()
        later = time.time() + 300
        monkeypatch.setattr(time, "time", lambda: later)
        for url, content in before.items():
            answer = reader.get(CLUSTER + url)
            assert (answer.status_code, answer.json()) == (200, content), url
            assert 299 <= int(answer["X-Calamari-Stale"]) <= 330

    def test_a_fresh_process_reads_from_sql(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        expected = {url: reader.get(CLUSTER + url).json() for url in READABLE if url}
        cthulhu.store()
        snapshots._snapshots.cache_clear()
        cthulhu.die()
        for url, content in expected.items():
            assert reader.get(CLUSTER + url).json() == content, url
        assert [row["connected"] for row in reader.get(f"{API}/cluster").json()] == [False]

    def test_sql_wins_over_an_older_memory(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        assert reader.get(f"{CLUSTER}/osd/1").json()["up"] is True
        cthulhu.nodes.push_osd_map(up=0)
        cthulhu.store()
        cthulhu.die()
        assert reader.get(f"{CLUSTER}/osd/1").json()["up"] is False

    def test_refused_calls_are_answered_from_memory_before_the_heartbeat_is_old(
        self, reader: APIClient, cthulhu: Cthulhu
    ) -> None:
        assert reader.get(f"{CLUSTER}/osd/1").json()["up"] is True
        cthulhu.nodes.push_osd_map(up=0)
        cthulhu.die()
        cthulhu.vector.beat(time.time())
        assert reader.get(f"{CLUSTER}/osd/1").status_code == 200

    def test_without_a_vector(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        cthulhu.store()
        cthulhu.die()
        cthulhu.vector._path.unlink()
        assert reader.get(f"{CLUSTER}/osd").status_code == 200
        assert reader.get(f"{API}/cluster").json()[0]["id"] == FSID
        assert reader.get(f"{UNKNOWN}/osd").status_code == 404
        Cluster.objects.create(fsid=UNKNOWN.rpartition("/")[2], name="empty")
        assert reader.get(f"{UNKNOWN}/osd").json()["code"] == "no_data"

    @pytest.mark.parametrize(
        ("method", "url", "body"),
        [("patch", "/osd/1", {"in": False}), ("post", "/osd/1/command/scrub", None)],
    )
    def test_changes_are_refused_at_once(
        self, operator: APIClient, cthulhu: Cthulhu, method: str, url: str, body: Any
    ) -> None:
        cthulhu.die()
        began = time.perf_counter()
        answer = getattr(operator, method)(CLUSTER + url, body)
        assert time.perf_counter() - began < 0.5
        assert (answer.status_code, answer.json()["code"]) == (503, "server_unavailable")
        assert answer["Retry-After"]

    def test_comes_back(self, reader: APIClient, cthulhu: Cthulhu) -> None:
        reader.get(f"{CLUSTER}/osd")
        client = snapshots.backend.current().client
        cthulhu.die()
        assert reader.get(f"{CLUSTER}/osd").status_code == 200
        cthulhu.nodes.push_osd_map(up=0)
        cthulhu.install(client)
        cthulhu.nodes.heartbeat()
        answer = reader.get(f"{CLUSTER}/osd/1")
        assert answer.json()["up"] is False
        assert "X-Calamari-Stale" not in answer

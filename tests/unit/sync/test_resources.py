"""The rows that are made of the recorded maps, and their versions."""

import copy
import json

import orjson
import pytest

from cthulhu.rpc.types import OBJECT_TYPES
from cthulhu.sync.objects import (
    CONTACT,
    CRUSH_MAP,
    HEALTH,
    MON_MAP,
    MON_STATUS,
    OSD_MAP,
    OSD_METADATA,
    SERVERS,
    SyncObject,
    SyncObjects,
)
from cthulhu.sync.resources import RESOURCES
from cthulhu.sync.validation import validated


def rows(objects: SyncObjects, name: str):
    return RESOURCES[name].build(objects.snapshot())


def put(objects: SyncObjects, name: str, content, version="another") -> None:
    if isinstance(objects.get(name), SyncObject) and isinstance(objects.get(name).version, int):
        version = objects.get(name).version + 1
    assert objects.offer(name, version, content, 2000.0)


def without(objects: SyncObjects, *names: str) -> dict[str, SyncObject]:
    return {name: item for name, item in objects.snapshot().items() if name not in names}


def test_every_object_type_has_a_resource():
    assert set(RESOURCES) == set(OBJECT_TYPES)
    for name, resource in RESOURCES.items():
        assert resource.name == name
        assert set(resource.required) <= set(resource.depends)


def test_rows_are_plain_json(objects):
    for name in RESOURCES:
        assert orjson.loads(orjson.dumps(rows(objects, name))) == rows(objects, name)


def test_an_osd(objects):
    assert rows(objects, "osd")[0] == {
        "id": 0,
        "uuid": "1821a81f-f289-4c99-9e16-bd53106b9a71",
        "up": True,
        "in": True,
        "reweight": 1.0,
        "server": "node0",
        "pools": [1, 2, 4],
        "valid_commands": ["scrub", "deep_scrub", "repair"],
        "public_addr": "127.0.0.1:6809/9916",
        "cluster_addr": "127.0.0.1:6812/9916",
        "crush_node_ancestry": [[-3, -16, -1]],
        "backend_partition_path": "/var/lib/ceph/osd/ceph-0/block",
        "backend_device_node": "/dev/vda",
        "osd_data": "/var/lib/ceph/osd/ceph-0",
        "osd_journal": None,
        "device_class": "hdd",
        "weight": 91 / 65536,
        "state": ["exists", "up"],
    }


def test_an_osd_that_is_down_and_out(objects):
    osd = rows(objects, "osd")[3]
    assert (osd["up"], osd["in"], osd["reweight"], osd["valid_commands"]) == (False, False, 0.0, [])
    assert (osd["pools"], osd["state"], osd["device_class"]) == ([1, 2, 3, 4], ["exists"], "ssd")


def test_reweight_is_the_maps_weight_not_crushs(objects):
    assert [osd["reweight"] for osd in rows(objects, "osd")] == [1.0, 0.5, 1.0, 0.0]


def test_the_node_that_runs_a_daemon_is_its_server(objects):
    put(objects, SERVERS, {"osd.1": "minion-b", "mon.a": "minion-a"})
    assert [osd["server"] for osd in rows(objects, "osd")] == ["node0", "minion-b", "node2", "node3"]
    assert [mon["server"] for mon in rows(objects, "mon")] == ["minion-a", None, None]


def test_osds_do_without_their_metadata(objects):
    osd = RESOURCES["osd"].build(without(objects, OSD_METADATA))[0]
    assert (osd["osd_data"], osd["backend_device_node"], osd["pools"]) == (None, None, [1, 2, 4])


@pytest.mark.parametrize(
    ("metadata", "path", "node"),
    [
        ({"backend_filestore_partition_path": "/dev/sda1", "backend_filestore_dev_node": "sda"}, "/dev/sda1", "sda"),
        ({"bluestore_bdev_partition_path": "/dev/sdb2", "bluestore_bdev_dev_node": "sdb"}, "/dev/sdb2", "sdb"),
        ({"bluestore_bdev_path": "/b", "bluestore_bdev_devices": "sdc,sdd"}, "/b", "/dev/sdc,/dev/sdd"),
        ({"devices": "nvme0n1", "bluestore_bdev_devices": ""}, None, "/dev/nvme0n1"),
        ({"devices": None}, None, None),
        ({}, None, None),
    ],
)
def test_backends_of_all_ages(objects, metadata, path, node):
    put(objects, OSD_METADATA, [{"id": 0, **metadata}])
    osd = rows(objects, "osd")[0]
    assert (osd["backend_partition_path"], osd["backend_device_node"]) == (path, node)


def test_an_osd_outside_of_crush(objects, recorded):
    crush = recorded("crush_map")
    for bucket in crush["buckets"]:
        bucket["items"] = [item for item in bucket["items"] if item["id"] != 1]
    crush["devices"] = [device for device in crush["devices"] if device["id"] != 1]
    put(objects, CRUSH_MAP, crush)
    osd = rows(objects, "osd")[1]
    assert (osd["crush_node_ancestry"], osd["pools"], osd["server"], osd["weight"]) == ([], [], None, 0.0)
    assert (osd["device_class"], osd["reweight"]) == (None, 0.5)


def test_a_pool(objects):
    assert rows(objects, "pool")[3] == {
        "id": 4,
        "name": "ecpool",
        "type": "erasure",
        "size": 3,
        "min_size": 2,
        "pg_num": 8,
        "pgp_num": 8,
        "crush_rule": 2,
        "crush_ruleset": 2,
        "crash_replay_interval": 0,
        "hashpspool": True,
        "full": False,
        "quota_max_objects": 1000,
        "quota_max_bytes": 0,
        "erasure_code_profile": "k2m1",
        "application": ["rgw"],
    }


def test_pools_of_other_kinds(objects, recorded):
    assert [(pool["name"], pool["type"]) for pool in rows(objects, "pool")][:3] == [
        ("device_health_metrics", "replicated"),
        ("rbd", "replicated"),
        ("fast", "replicated"),
    ]
    assert rows(objects, "pool")[1]["erasure_code_profile"] is None
    osd_map = recorded("osd_map")
    osd_map["pools"][0].update(flags_names="full,full_quota", type=9)
    put(objects, OSD_MAP, osd_map)
    pool = rows(objects, "pool")[0]
    assert (pool["full"], pool["hashpspool"], pool["type"]) == (True, False, "9")


def test_monitors(objects):
    assert rows(objects, "mon") == [
        {
            "name": name,
            "rank": rank,
            "in_quorum": True,
            "leader": rank == 0,
            "server": None,
            "addr": f"127.0.0.1:{46101 + 2 * rank}/0",
        }
        for rank, name in enumerate("abc")
    ]


def test_a_monitor_that_is_down(objects, recorded):
    put(objects, MON_STATUS, recorded("mon_status_mon_down"))
    assert [(mon["name"], mon["in_quorum"]) for mon in rows(objects, "mon")] == [("a", True), ("b", True), ("c", False)]


def test_a_minority_is_no_quorum_and_has_no_leader(objects, recorded):
    put(objects, MON_STATUS, {**recorded("mon_status"), "quorum_names": ["a"]})
    assert [(mon["in_quorum"], mon["leader"]) for mon in rows(objects, "mon")] == [(False, False)] * 3


def test_the_newer_monitor_map_counts(objects, recorded):
    status = recorded("mon_status")
    status["monmap"]["epoch"] = 5
    status["monmap"]["mons"] = status["monmap"]["mons"][1:]
    for rank, mon in enumerate(status["monmap"]["mons"]):
        mon["rank"] = rank
    status.update(quorum_names=["b", "c"], quorum_leader_name="b")
    put(objects, MON_STATUS, status)
    assert [(mon["name"], mon["rank"], mon["leader"]) for mon in rows(objects, "mon")] == [
        ("b", 0, True),
        ("c", 1, False),
    ]
    assert objects.offer(MON_MAP, 6, {**recorded("mon_map"), "epoch": 6}, 3.0)
    assert [(mon["name"], mon["in_quorum"]) for mon in rows(objects, "mon")] == [("a", False), ("b", True), ("c", True)]


def test_health(objects, recorded):
    assert rows(objects, "health") == {"status": "HEALTH_OK", "checks": [], "mutes": []}
    put(objects, HEALTH, recorded("health_warnings"))
    health = rows(objects, "health")
    assert health["status"] == "HEALTH_WARN"
    assert [(check["code"], check["count"], check["muted"]) for check in health["checks"]] == [
        ("MON_DOWN", 1, False),
        ("OSD_DOWN", 1, True),
        ("OSD_HOST_DOWN", 2, False),
        ("PG_DEGRADED", 8, False),
    ]
    assert health["checks"][2] == {
        "code": "OSD_HOST_DOWN",
        "severity": "HEALTH_WARN",
        "summary": "2 hosts (2 osds) down",
        "count": 2,
        "muted": False,
        "detail": ["host node3 (root=default) (1 osds) is down", "host node2 (root=default) (1 osds) is down"],
    }
    assert [mute["code"] for mute in health["mutes"]] == ["OSD_DOWN"]


def test_the_cluster(objects):
    assert rows(objects, "cluster") == {
        "id": "05fba6d9-a324-4d23-9799-6bb965e485f3",
        "name": "ceph",
        "update_time": "2023-11-14T22:13:20.250+00:00",
        "connected": True,
        "health": "HEALTH_OK",
    }
    assert RESOURCES["cluster"].build(without(objects, HEALTH))["health"] is None


@pytest.mark.parametrize("name", RESOURCES)
def test_a_version_follows_from_the_objects_it_depends_on_alone(objects, name):
    resource = RESOURCES[name]
    put(objects, SERVERS, {})
    before = resource.version(objects.snapshot())
    assert len(before) == 16
    assert int(before, 16) >= 0
    assert resource.version(dict(reversed(objects.snapshot().items()))) == before
    for other in objects.names():
        item = objects.get(other)
        moved_to = item.version + 1 if isinstance(item.version, int) else "other"
        moved = {**objects.snapshot(), other: SyncObject(other, moved_to, item.content, 1.0)}
        confirmed = {**objects.snapshot(), other: SyncObject(other, item.version, item.content, 9999.0)}
        assert (resource.version(moved) != before) is (other in resource.depends)
        assert resource.version(confirmed) == before


def test_versions_of_types_and_formats_differ(objects):
    versions = [resource.version(objects.snapshot()) for resource in RESOURCES.values()]
    assert len(set(versions)) == len(versions)


@pytest.mark.parametrize("name", RESOURCES)
def test_there_is_no_version_without_what_is_required(objects, name):
    resource = RESOURCES[name]
    for missing in resource.required:
        assert resource.version(without(objects, missing)) is None
    optional = set(resource.depends) - set(resource.required)
    assert resource.version(without(objects, *optional)) is not None
    resource.build(without(objects, *optional))


def test_the_objects_are_not_changed_by_building(objects):
    before = json.dumps({name: objects.get(name).content for name in objects.names()})
    for name in RESOURCES:
        rows(objects, name)
    assert json.dumps({name: objects.get(name).content for name in objects.names()}) == before
    assert objects.get(CONTACT).updated_at == 1700000000.25


def test_ten_thousand_osds_and_twenty_pools(recorded):
    osd_map, crush = recorded("osd_map"), recorded("crush_map")
    osd_map["osds"] = [{**copy.copy(osd_map["osds"][0]), "osd": number} for number in range(10_000)]
    osd_map["pools"] = [{**osd_map["pools"][0], "pool": number, "crush_rule": number} for number in range(20)]
    hosts = [
        {
            "id": -100 - host,
            "name": f"node{host}",
            "type_name": "host",
            "items": [{"id": host * 25 + place, "weight": 65536, "pos": place} for place in range(25)],
        }
        for host in range(400)
    ]
    root = {**crush["buckets"][0], "items": [{"id": host["id"], "weight": 1, "pos": 0} for host in hosts]}
    crush["buckets"] = [root, *hosts]
    crush["rules"] = [{**crush["rules"][0], "rule_id": number} for number in range(20)]
    store = SyncObjects()
    for name, content in ((OSD_MAP, osd_map), (CRUSH_MAP, crush)):
        cleaned, problems = validated(name, content)
        assert problems == []
        store.offer(name, 1 if name == OSD_MAP else "c", cleaned, 1.0)
    built = rows(store, "osd")
    assert len(built) == 10_000
    assert built[9999]["pools"] == list(range(20))
    assert built[9999]["crush_node_ancestry"] == [[-499, -1]]

"""Rows of OSDs, of `osd dump`, `osd crush dump`, `osd metadata` and the nodes' own word on which daemons they run."""

from collections import defaultdict
from typing import Any

from cthulhu.sync.crush import CrushMap
from cthulhu.sync.objects import CRUSH_MAP, OSD_MAP, OSD_METADATA, SERVERS
from cthulhu.sync.resources.resource import Objects, Resource, Row

# What may be asked of an OSD that is up; one that is down can do nothing.
COMMANDS = ("scrub", "deep_scrub", "repair")

# The names that filestore, early bluestore and later bluestore give to the same facts in `osd metadata`.
_PARTITION_PATH_KEYS = ("backend_filestore_partition_path", "bluestore_bdev_partition_path", "bluestore_bdev_path")
_DEVICE_NODE_KEYS = ("backend_filestore_dev_node", "bluestore_bdev_dev_node")
_DEVICES_KEYS = ("bluestore_bdev_devices", "devices")


def build(objects: Objects) -> list[Row]:
    """Return one row for each OSD of the OSD map, in the map's order."""
    osd_map = objects[OSD_MAP].content
    crush = objects[CRUSH_MAP].derived(CrushMap)
    pools = pools_by_osd(osd_map["pools"], crush)
    metadata = objects[OSD_METADATA].derived(_by_id) if OSD_METADATA in objects else {}
    servers = objects[SERVERS].content if SERVERS in objects else {}
    return [
        _row(osd, crush, pools.get(osd["osd"], []), metadata.get(osd["osd"], {}), servers) for osd in osd_map["osds"]
    ]


def pools_by_osd(pools: list[dict[str, Any]], crush: CrushMap) -> dict[int, list[int]]:
    """Return OSD id -> ids of the pools that may put data there, ascending. Equal lists may be one object.

    Found by walking the pools' CRUSH rules, so an OSD that is out, or of weight 0, keeps the pools it would serve.
    """
    pools_by_rule: dict[int, list[int]] = defaultdict(list)
    for pool in pools:
        pools_by_rule[pool["crush_rule"]].append(pool["pool"])
    rules_by_osd: dict[int, list[int]] = defaultdict(list)
    for rule in pools_by_rule:
        for osd in crush.osds_of_rule(rule):
            rules_by_osd[osd].append(rule)
    pools_by_rules: dict[tuple[int, ...], list[int]] = {}
    answer = {}
    for osd, rules in rules_by_osd.items():
        key = tuple(rules)
        if key not in pools_by_rules:
            pools_by_rules[key] = sorted(pool for rule in rules for pool in pools_by_rule[rule])
        answer[osd] = pools_by_rules[key]
    return answer


def _row(
    osd: dict[str, Any], crush: CrushMap, pools: list[int], metadata: dict[str, Any], servers: dict[str, str]
) -> Row:
    osd_id = osd["osd"]
    up = bool(osd["up"])
    return {
        "id": osd_id,
        "uuid": osd.get("uuid"),
        "up": up,
        "in": bool(osd["in"]),
        "reweight": float(osd["weight"]),
        "server": servers.get(f"osd.{osd_id}") or crush.host(osd_id),
        "pools": pools,
        "valid_commands": list(COMMANDS) if up else [],
        "public_addr": osd.get("public_addr"),
        "cluster_addr": osd.get("cluster_addr"),
        "crush_node_ancestry": crush.ancestry(osd_id),
        "backend_partition_path": _first(metadata, _PARTITION_PATH_KEYS),
        "backend_device_node": _first(metadata, _DEVICE_NODE_KEYS) or _device_nodes(metadata),
        "osd_data": metadata.get("osd_data"),
        "osd_journal": metadata.get("osd_journal"),
        "device_class": crush.device_class(osd_id),
        "weight": crush.weight(osd_id),
        "state": osd.get("state") or [],
    }


def _by_id(metadata: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {item["id"]: item for item in metadata}


def _first(metadata: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((metadata[key] for key in keys if metadata.get(key)), None)


def _device_nodes(metadata: dict[str, Any]) -> str | None:
    """Return the block devices beneath the OSD, which its metadata names like `sda` or `sda,nvme0n1`, as nodes."""
    names = (_first(metadata, _DEVICES_KEYS) or "").split(",")
    return ",".join(f"/dev/{name}" for name in names if name) or None


RESOURCE = Resource("osd", (OSD_MAP, CRUSH_MAP, OSD_METADATA, SERVERS), (OSD_MAP, CRUSH_MAP), build)

"""Rows of pools, of `osd dump`."""

from typing import Any

from cthulhu.sync.objects import OSD_MAP
from cthulhu.sync.resources.resource import Objects, Resource, Row

# pg_pool_t in Ceph's osd_types.h.
_TYPES = {1: "replicated", 3: "erasure"}


def build(objects: Objects) -> list[Row]:
    """Return one row for each pool of the OSD map, in the map's order."""
    return [_row(pool) for pool in objects[OSD_MAP].content["pools"]]


def _row(pool: dict[str, Any]) -> Row:
    flags = (pool.get("flags_names") or "").split(",")
    return {
        "id": pool["pool"],
        "name": pool["pool_name"],
        "type": _TYPES.get(pool["type"], str(pool["type"])),
        "size": pool["size"],
        "min_size": pool["min_size"],
        "pg_num": pool["pg_num"],
        "pgp_num": pool["pg_placement_num"],
        "crush_rule": pool["crush_rule"],
        # The name before Luminous, when rules were grouped in rulesets.
        "crush_ruleset": pool["crush_rule"],
        # Ceph has had no such interval since Luminous; clients of Calamari expect the field.
        "crash_replay_interval": 0,
        "hashpspool": "hashpspool" in flags,
        "full": "full" in flags,
        "quota_max_objects": pool.get("quota_max_objects") or 0,
        "quota_max_bytes": pool.get("quota_max_bytes") or 0,
        "erasure_code_profile": pool.get("erasure_code_profile") or None,
        "application": sorted(pool.get("application_metadata") or {}),
    }


RESOURCE = Resource("pool", (OSD_MAP,), (OSD_MAP,), build)

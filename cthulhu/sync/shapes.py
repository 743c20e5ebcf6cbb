"""What the maps must look like for `cthulhu.sync` to read them; `cthulhu.sync.validation` holds maps against it.

Only fields that are read somewhere in this package or by the request factories are named. Source: the JSON that Ceph
16.2 prints for the commands named beside each map.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cthulhu.sync import objects

Check = Callable[[Any], bool]

_LARGEST_OSD_ID = 2**31 - 1


def is_integer(value: Any) -> bool:
    """Tell whether it is an integer; True and False are none."""
    return type(value) is int


def is_count(value: Any) -> bool:
    """Tell whether it is an integer that is not negative."""
    return type(value) is int and value >= 0


def is_osd_id(value: Any) -> bool:
    """Tell whether it can be the number of an OSD."""
    return type(value) is int and 0 <= value <= _LARGEST_OSD_ID


def is_bucket_id(value: Any) -> bool:
    """Tell whether it can be the number of a CRUSH bucket."""
    return type(value) is int and value < 0


def is_flag(value: Any) -> bool:
    """Tell whether it is 0 or 1, or the boolean that newer releases may print instead."""
    return type(value) in (int, bool) and value in (0, 1)


def is_fraction(value: Any) -> bool:
    """Tell whether it is a number from 0 to 1."""
    return type(value) in (int, float) and 0 <= value <= 1


def is_text(value: Any) -> bool:
    """Tell whether it is a string."""
    return type(value) is str


def is_boolean(value: Any) -> bool:
    """Tell whether it is true or false."""
    return type(value) is bool


def is_object(value: Any) -> bool:
    """Tell whether it is a JSON object."""
    return type(value) is dict


def is_list(value: Any) -> bool:
    """Tell whether it is a JSON array."""
    return type(value) is list


def is_list_of_texts(value: Any) -> bool:
    """Tell whether it is an array of strings only."""
    return type(value) is list and all(type(item) is str for item in value)


def is_mon(value: Any) -> bool:
    """Tell whether it is a monitor's entry in a monitor map."""
    return (
        type(value) is dict
        and is_text(value.get("name"))
        and is_count(value.get("rank"))
        and isinstance(value.get("addr"), str | None)
        and isinstance(value.get("public_addr"), str | None)
    )


def is_mon_map(value: Any) -> bool:
    """Tell whether it is a monitor map without faults."""
    return (
        type(value) is dict
        and is_count(value.get("epoch"))
        and is_list(value.get("mons"))
        and all(is_mon(mon) for mon in value["mons"])
    )


def is_health_summary(value: Any) -> bool:
    """Tell whether it is the summary of a health check; releases before 16 print no count."""
    return type(value) is dict and is_text(value.get("message")) and isinstance(value.get("count"), int | None)


@dataclass(frozen=True)
class Records:
    """Records of one kind: the items of the array, or the values of the object, that a map holds under a name.

    Without `under` the map itself is the array. A record with a bad `required` field is dropped, as is one whose
    `identity` was there before; a bad `optional` field becomes null.
    """

    kind: str
    under: str | None
    identity: str | None
    required: dict[str, Check]
    optional: dict[str, Check] = field(default_factory=dict)
    nested: tuple["Records", ...] = ()


@dataclass(frozen=True)
class Shape:
    """A whole map: an object, or an array, and the records within it.

    Without one of its `required` fields it is refused; a bad `optional` one becomes null.
    """

    kind: type = dict
    required: dict[str, Check] = field(default_factory=dict)
    optional: dict[str, Check] = field(default_factory=dict)
    records: tuple[Records, ...] = ()


_OSDS = Records(
    "OSD",
    "osds",
    "osd",
    required={"osd": is_osd_id, "up": is_flag, "in": is_flag, "weight": is_fraction},
    optional={
        "uuid": is_text,
        "up_from": is_count,
        "public_addr": is_text,
        "cluster_addr": is_text,
        "state": is_list_of_texts,
    },
)
_POOLS = Records(
    "pool",
    "pools",
    "pool",
    required={
        "pool": is_count,
        "pool_name": is_text,
        "type": is_count,
        "size": is_count,
        "min_size": is_count,
        "pg_num": is_count,
        "pg_placement_num": is_count,
        "crush_rule": is_integer,
    },
    optional={
        "flags_names": is_text,
        "quota_max_objects": is_count,
        "quota_max_bytes": is_count,
        "erasure_code_profile": is_text,
        "application_metadata": is_object,
    },
)
_BUCKETS = Records(
    "CRUSH bucket",
    "buckets",
    "id",
    required={"id": is_bucket_id, "name": is_text, "type_name": is_text, "items": is_list},
    nested=(Records("CRUSH item", "items", "id", required={"id": is_integer, "weight": is_count}),),
)
_RULES = Records(
    "CRUSH rule",
    "rules",
    "rule_id",
    required={"rule_id": is_count, "steps": is_list},
    nested=(
        Records("CRUSH step", "steps", None, required={"op": is_text}, optional={"type": is_text, "item": is_integer}),
    ),
)
_METADATA = Records(
    "OSD metadata",
    None,
    "id",
    required={"id": is_osd_id},
    optional=dict.fromkeys(
        (
            "osd_data",
            "osd_journal",
            "backend_filestore_partition_path",
            "backend_filestore_dev_node",
            "bluestore_bdev_partition_path",
            "bluestore_bdev_path",
            "bluestore_bdev_dev_node",
            "bluestore_bdev_devices",
            "devices",
            "hostname",
        ),
        is_text,
    ),
)
_CHECKS = Records(
    "health check",
    "checks",
    None,
    required={"severity": is_text, "summary": is_health_summary},
    optional={"muted": is_boolean, "detail": is_list},
    nested=(Records("health detail", "detail", None, required={"message": is_text}),),
)
_EPOCH: dict[str, Check] = {"epoch": is_count}

SHAPES: dict[str, Shape] = {
    # osd dump
    objects.OSD_MAP: Shape(
        required={**_EPOCH, "fsid": is_text, "osds": is_list, "pools": is_list}, records=(_OSDS, _POOLS)
    ),
    # osd crush dump
    objects.CRUSH_MAP: Shape(
        required={"devices": is_list, "types": is_list, "buckets": is_list, "rules": is_list},
        records=(
            Records("CRUSH device", "devices", "id", required={"id": is_osd_id}, optional={"class": is_text}),
            Records("CRUSH type", "types", "type_id", required={"type_id": is_count, "name": is_text}),
            _BUCKETS,
            _RULES,
        ),
    ),
    # osd metadata
    objects.OSD_METADATA: Shape(kind=list, records=(_METADATA,)),
    # mon dump
    objects.MON_MAP: Shape(
        required={**_EPOCH, "fsid": is_text, "mons": is_list},
        records=(
            Records(
                "monitor",
                "mons",
                "name",
                required={"name": is_text, "rank": is_count},
                optional={"addr": is_text, "public_addr": is_text},
            ),
        ),
    ),
    # quorum_status
    objects.MON_STATUS: Shape(
        required={"election_epoch": is_count, "quorum_names": is_list_of_texts},
        optional={"quorum_leader_name": is_text, "monmap": is_mon_map},
    ),
    # mgr dump, fs dump, service dump
    objects.MGR_MAP: Shape(required=_EPOCH),
    objects.FS_MAP: Shape(required=_EPOCH),
    objects.SERVICE_MAP: Shape(required=_EPOCH),
    # health detail
    objects.HEALTH: Shape(
        required={"status": is_text},
        optional={"checks": is_object, "mutes": is_list},
        records=(_CHECKS, Records("health mute", "mutes", "code", required={"code": is_text})),
    ),
    # df detail
    objects.DF: Shape(),
    # made by the watcher of pg dump pgs_brief
    objects.PG_SUMMARY: Shape(required={"by_osd": is_object, "by_pool": is_object, "all": is_object}),
    # config dump
    objects.CONFIG: Shape(kind=list),
    # made by cthulhu
    objects.SERVERS: Shape(),
    objects.CONTACT: Shape(),
}

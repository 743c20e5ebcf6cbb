"""Hostile maps: one bad record costs that record; nothing costs more than the map; whatever passes can be built."""

import math
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cthulhu.sync.objects import (
    CONFIG,
    CRUSH_MAP,
    DF,
    HEALTH,
    MON_MAP,
    MON_STATUS,
    OSD_MAP,
    OSD_METADATA,
    SYNC_OBJECT_TYPES,
    SyncObject,
)
from cthulhu.sync.resources import RESOURCES
from cthulhu.sync.validation import LONGEST_STRING, MOST_PROBLEMS, InvalidMap, validated

FROM_MONITORS = [name for name, kind in SYNC_OBJECT_TYPES.items() if kind.from_monitors]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_recorded_maps_pass_unchanged(recorded):
    for name in FROM_MONITORS:
        if name != "pg_summary":
            assert validated(name, recorded(name)) == (recorded(name), [])


def test_a_cleaned_map_is_a_copy(recorded):
    content = recorded(OSD_MAP)
    cleaned, _ = validated(OSD_MAP, content)
    assert cleaned["osds"] is not content["osds"]
    assert cleaned["osds"][0] is not content["osds"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("osd", -1),
        ("osd", "0"),
        ("osd", 2**31),
        ("osd", True),
        ("osd", 1.0),
        ("up", 2),
        ("up", "1"),
        ("up", None),
        ("in", []),
        ("weight", math.nan),
        ("weight", math.inf),
        ("weight", -0.1),
        ("weight", 1.5),
        ("weight", "1"),
    ],
)
def test_a_bad_osd_is_dropped_alone(recorded, field, value):
    osd_map = recorded(OSD_MAP)
    osd_map["osds"][1][field] = value
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert [osd["osd"] for osd in cleaned["osds"]] == [0, 2, 3]
    assert any(f"dropped: {field} is" in problem for problem in problems)


@pytest.mark.parametrize("record", [None, 3, "osd", [], {}])
def test_what_is_no_osd_is_dropped(recorded, record):
    osd_map = recorded(OSD_MAP)
    osd_map["osds"].insert(0, record)
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert cleaned == recorded(OSD_MAP)
    assert len(problems) == 1


def test_the_first_of_two_osds_with_one_id_stays(recorded):
    osd_map = recorded(OSD_MAP)
    osd_map["osds"].append({**osd_map["osds"][0], "uuid": "another"})
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert cleaned == recorded(OSD_MAP)
    assert problems == ["OSD 0 dropped: it was there before"]


@pytest.mark.parametrize(
    ("field", "value"), [("uuid", 7), ("public_addr", {}), ("state", "up"), ("state", ["up", 1]), ("up_from", -3)]
)
def test_a_field_that_may_be_missing_becomes_null(recorded, field, value):
    osd_map = recorded(OSD_MAP)
    osd_map["osds"][1][field] = value
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert [osd["osd"] for osd in cleaned["osds"]] == [0, 1, 2, 3]
    assert cleaned["osds"][1][field] is None
    assert len(problems) == 1


def test_a_bad_pool_is_dropped_alone(recorded):
    osd_map = recorded(OSD_MAP)
    osd_map["pools"][0]["pg_num"] = "eight"
    osd_map["pools"][1]["pool_name"] = None
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert [pool["pool"] for pool in cleaned["pools"]] == [3, 4]
    assert problems == ["pool 1 dropped: pg_num is 'eight'", "pool 2 dropped: pool_name is None"]


def test_bad_parts_of_a_crush_map_are_dropped_alone(recorded):
    crush = recorded(CRUSH_MAP)
    crush["buckets"][0]["items"][0]["id"] = "-5"
    crush["buckets"][2]["id"] = 4
    crush["rules"][0]["steps"][0]["op"] = None
    crush["rules"][1]["rule_id"] = -1
    crush["devices"].append({"id": -1, "name": "osd.-1"})
    cleaned, problems = validated(CRUSH_MAP, crush)
    assert len(problems) == 5
    assert [item["id"] for item in cleaned["buckets"][0]["items"]] == [-7, -9, -16]
    assert [rule["rule_id"] for rule in cleaned["rules"]] == [0, 2]
    assert len(cleaned["buckets"]) == len(crush["buckets"]) - 1


def test_bad_health_checks_are_dropped_alone(recorded):
    health = recorded("health_warnings")
    health["checks"]["MON_DOWN"] = "bad"
    health["checks"]["OSD_DOWN"]["summary"] = {"message": 3}
    health["checks"]["PG_DEGRADED"]["detail"][0] = {"message": None}
    health["mutes"].append(5)
    cleaned, problems = validated(HEALTH, health)
    assert sorted(cleaned["checks"]) == ["OSD_HOST_DOWN", "PG_DEGRADED"]
    assert len(cleaned["checks"]["PG_DEGRADED"]["detail"]) == 7
    assert len(cleaned["mutes"]) == 1
    assert len(problems) == 4


def test_a_bad_monitor_map_within_the_status_is_left_out(recorded):
    status = recorded(MON_STATUS)
    status["monmap"]["mons"][0]["rank"] = "first"
    cleaned, problems = validated(MON_STATUS, status)
    assert cleaned["monmap"] is None
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (OSD_MAP, None),
        (OSD_MAP, []),
        (OSD_MAP, {}),
        (OSD_MAP, {"epoch": "1", "fsid": "f", "osds": [], "pools": []}),
        (OSD_MAP, {"epoch": 1, "fsid": "f", "osds": {}, "pools": []}),
        (OSD_MAP, {"epoch": 1, "fsid": "f", "osds": []}),
        (OSD_METADATA, {}),
        (MON_MAP, {"epoch": -1, "fsid": "f", "mons": []}),
        (MON_STATUS, {"election_epoch": 1, "quorum_names": [1]}),
        (HEALTH, {"status": None}),
        (CONFIG, "text"),
    ],
)
def test_what_is_not_the_map_is_refused(name, content):
    with pytest.raises(InvalidMap, match=name):
        validated(name, content)


def test_long_strings_are_cut(recorded):
    osd_map = recorded(OSD_MAP)
    osd_map["pools"][1]["pool_name"] = "x" * 10**6
    osd_map["pools"][0]["pool_name"] = "\u20ac" * LONGEST_STRING
    osd_map["y" * 10**6] = 1
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert cleaned["pools"][1]["pool_name"] == "x" * LONGEST_STRING
    assert cleaned["pools"][0]["pool_name"] == "\u20ac" * LONGEST_STRING
    assert max(map(len, cleaned)) < 100
    assert len(problems) == 2
    assert max(map(len, problems)) <= 200


def test_what_is_not_utf8_is_replaced():
    cleaned, _ = validated(DF, {"name\udcff": "po\udcffol", "plain": "\u00e9"})
    assert cleaned == {"name?": "po?ol", "plain": "\u00e9"}


def test_depth_is_bounded():
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    cleaned, problems = validated(DF, {"deep": deep, "flat": 1})
    assert cleaned["flat"] == 1
    assert len(problems) == 1
    assert orjson.loads(orjson.dumps(cleaned)) == cleaned


def test_numbers_that_json_has_not_become_null():
    cleaned, problems = validated(DF, {"a": math.nan, "b": -math.inf, "c": 2**64, "d": 2**64 - 1, "e": 0.5})
    assert cleaned == {"a": None, "b": None, "c": None, "d": 2**64 - 1, "e": 0.5}
    assert len(problems) == 3


def test_problems_are_bounded(recorded):
    osd_map = recorded(OSD_MAP)
    osd_map["osds"] = [None] * 5000
    cleaned, problems = validated(OSD_MAP, osd_map)
    assert cleaned["osds"] == []
    assert len(problems) == MOST_PROBLEMS


@given(name=st.sampled_from(FROM_MONITORS), content=JSON)
def test_any_json_is_cleaned_or_refused(name, content):
    try:
        cleaned, _ = validated(name, content)
    except InvalidMap:
        return
    assert orjson.loads(orjson.dumps(cleaned)) == cleaned


def places(value, path=()):
    """Yield the path of every value within a JSON value, itself excepted."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@given(data=st.data())
def test_whatever_is_changed_in_the_maps_what_passes_can_be_built(recorded_once, data):
    maps = {name: orjson.loads(text) for name, text in recorded_once.items()}
    name = data.draw(st.sampled_from(sorted(maps)))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(list(places(maps[name]))))
        holder = maps[name]
        for key in way:
            holder = holder[key]
        holder[last] = data.draw(JSON)
    objects = {}
    for key, content in maps.items():
        try:
            cleaned, _ = validated(key, content)
        except InvalidMap:
            continue
        objects[key] = SyncObject(key, 1, cleaned, 1.0)
    for resource in RESOURCES.values():
        if resource.version(objects) is not None:
            orjson.dumps(resource.build(objects))


@pytest.fixture(scope="module")
def recorded_once() -> dict[str, bytes]:
    folder = Path(__file__).parents[2] / "recorded" / "ceph-16.2.15"
    names = (OSD_MAP, CRUSH_MAP, OSD_METADATA, MON_MAP, MON_STATUS)
    maps = {name: (folder / f"{name}.json").read_bytes() for name in names}
    return maps | {HEALTH: (folder / "health_warnings.json").read_bytes()}

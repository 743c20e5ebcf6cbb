"""Questions to CRUSH maps: the recorded one, and made-up ones that no sane administrator has."""

import time

import pytest

from cthulhu.sync.crush import CrushMap

TYPES = [{"type_id": 0, "name": "osd"}, {"type_id": 1, "name": "host"}, {"type_id": 3, "name": "rack"}]
TYPES.append({"type_id": 11, "name": "root"})


def bucket(bucket_id: int, name: str, kind: str, *items: int) -> dict:
    return {
        "id": bucket_id,
        "name": name,
        "type_name": kind,
        "items": [{"id": item, "weight": 0x20000, "pos": place} for place, item in enumerate(items)],
    }


def crush_map(*buckets: dict, steps: list[dict] | None = None) -> CrushMap:
    return CrushMap(
        {
            "devices": [],
            "types": TYPES,
            "buckets": list(buckets),
            "rules": [] if steps is None else [{"rule_id": 0, "steps": steps}],
        }
    )


def take(item: int) -> dict:
    return {"op": "take", "item": item}


def choose(kind: str, operation: str = "chooseleaf_firstn") -> dict:
    return {"op": operation, "num": 0, "type": kind}


EMIT = {"op": "emit"}

TREE = (
    bucket(-1, "default", "root", -2, -3, 9),
    bucket(-2, "rack1", "rack", -4, 7),
    bucket(-3, "node2", "host", 2, 3),
    bucket(-4, "node1", "host", 0, 1),
    bucket(-11, "default~ssd", "root", -13),
    bucket(-13, "node2~ssd", "host", 3),
    bucket(-20, "other", "root", -3),
)


@pytest.fixture
def real(objects) -> CrushMap:
    return CrushMap(objects.get("crush_map").content)


def test_recorded_places(real):
    assert real.ancestry(0) == [[-3, -16, -1]]
    assert real.ancestry(1) == [[-9, -1]]
    assert [real.host(osd) for osd in range(4)] == ["node0", "node1", "node2", "node3"]
    assert [real.device_class(osd) for osd in range(4)] == ["hdd", "hdd", "ssd", "ssd"]
    assert real.weight(0) == 91 / 65536


def test_recorded_rules(real):
    assert real.osds_of_rule(0) == {0, 1, 2, 3}
    assert real.osds_of_rule(1) == {2, 3}
    assert real.osds_of_rule(2) == {0, 1, 2, 3}


def test_an_osd_that_stands_nowhere(real):
    assert real.ancestry(99) == []
    assert (real.host(99), real.device_class(99), real.weight(99)) == (None, None, 0.0)


def test_every_place_outside_the_shadow_trees_is_told():
    crush = crush_map(*TREE)
    assert crush.ancestry(3) == [[-3, -1], [-3, -20]]
    assert crush.ancestry(0) == [[-4, -2, -1]]
    assert crush.ancestry(9) == [[-1]]
    assert crush.host(9) is None
    assert crush.host(7) is None
    assert crush.weight(9) == 2.0


@pytest.mark.parametrize(
    ("steps", "osds"),
    [
        ([take(-1), choose("host"), EMIT], {0, 1, 2, 3}),
        ([take(-1), choose("rack"), EMIT], {0, 1, 7}),
        ([take(-1), choose("osd"), EMIT], {0, 1, 2, 3, 7, 9}),
        ([take(-1), choose("osd", "choose_indep"), EMIT], {0, 1, 2, 3, 7, 9}),
        ([take(-11), choose("host"), EMIT], {3}),
        ([take(-2), choose("host"), EMIT], {0, 1}),
        ([take(-1), choose("rack", "choose_firstn"), choose("host"), EMIT], {0, 1}),
        ([take(-1), choose("host", "choose_firstn"), choose("osd", "choose_firstn"), EMIT], {0, 1, 2, 3}),
        ([take(-2), choose("osd"), EMIT, take(-11), choose("host"), EMIT], {0, 1, 7, 3}),
        ([{"op": "set_choose_tries", "num": 5}, take(-3), choose("osd"), EMIT], {2, 3}),
        ([take(7), EMIT], {7}),
        ([take(-1), choose("host")], set()),
        ([take(-1), choose("host", "choose_firstn"), EMIT], set()),
        ([take(-4), choose("host"), EMIT], set()),
        ([take(-1), choose("planet"), EMIT], set()),
        ([take(-99), choose("host"), EMIT], set()),
        ([{"op": "take"}, {"op": "chooseleaf_firstn"}, EMIT], set()),
    ],
)
def test_rules_are_walked(steps, osds):
    assert crush_map(*TREE, steps=steps).osds_of_rule(0) == osds


def test_an_unknown_rule_chooses_nothing():
    assert crush_map(*TREE).osds_of_rule(5) == frozenset()


def test_cycles_come_to_an_end():
    crush = crush_map(
        bucket(-1, "a", "root", -2, -1),
        bucket(-2, "b", "host", -3, 0),
        bucket(-3, "c", "rack", -2, 1),
        steps=[take(-1), choose("host"), EMIT],
    )
    assert crush.osds_of_rule(0) <= {0, 1}
    assert all(path[0] == -2 for path in crush.ancestry(0))


def test_a_chain_without_end_is_cut():
    chain = [bucket(-number, f"b{number}", "rack", -number - 1) for number in range(1, 3000)]
    crush = crush_map(*chain, bucket(-3000, "last", "host", 0), steps=[take(-1), choose("osd"), EMIT])
    assert crush.osds_of_rule(0) == frozenset()
    assert len(crush.ancestry(0)[0]) <= 65


def test_many_ways_to_the_root_are_cut():
    layers = []
    for layer in range(20):
        below = (-2 * layer - 3, -2 * layer - 4) if layer < 19 else (0,)
        layers += [
            bucket(-2 * layer - 1, f"l{layer}", "rack", *below),
            bucket(-2 * layer - 2, f"r{layer}", "rack", *below),
        ]
    started = time.monotonic()
    crush = crush_map(*layers, steps=[take(-1), choose("osd"), EMIT])
    assert len(crush.ancestry(0)) == 16
    assert crush.osds_of_rule(0) == {0}
    assert time.monotonic() - started < 1

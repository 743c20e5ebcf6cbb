"""Maps from their parts, whoever cut them and whatever is missing."""

import base64
import json
import os
import zlib
from typing import Any

import pytest

from cthulhu.remote.salt.assembly import PATIENCE, Assembly, BrokenMap, WholeMap
from cthulhu.remote.salt.messages import MapBody

LARGEST = 100_000


def cut(content: Any, parts: int = 1, **changes: Any) -> list[MapBody]:
    return cut_bytes(zlib.compress(json.dumps(content).encode()), parts, **changes)


def cut_bytes(compressed: bytes, parts: int = 1, **changes: Any) -> list[MapBody]:
    size = -(-len(compressed) // parts)
    fields: dict[str, Any] = {
        "kind": "map", "node": "node1", "boot": "b", "time": 1.0, "fsid": "", "lease": "l", "map": "osd_map",
        "version": 1, "parts": parts,
    }  # fmt: skip
    return [
        MapBody(
            **fields
            | {
                "sequence": 10 + number,
                "part": number,
                "data": base64.b64encode(compressed[number * size : (number + 1) * size]).decode(),
            }
            | changes
        )
        for number in range(parts)
    ]


def test_parts_make_the_map_in_any_order() -> None:
    content = {"osds": [{"osd": number, "uuid": os.urandom(8).hex()} for number in range(200)]}
    bodies = cut(content, parts=7)
    bodies = bodies[3:] + bodies[:3]
    assembly = Assembly(LARGEST)
    whole = [assembly.add(body, 0) for body in bodies]

    assert whole[:-1] == [None] * 6
    assert whole[-1] == WholeMap(content, sequence=10)


def test_a_repeated_part_changes_nothing() -> None:
    assembly = Assembly(LARGEST)
    first, second = cut({"a": 1}, parts=2)

    assert assembly.add(first, 0) is None
    assert assembly.add(first, 0) is None
    assert assembly.add(second, 0) is not None


def test_a_newer_version_takes_the_place_of_an_unfinished_one() -> None:
    assembly = Assembly(LARGEST)
    old, new = cut({"a": 1}, parts=2), cut({"a": 2}, parts=2, version=2)

    assert assembly.add(old[0], 0) is None
    assert assembly.add(new[0], 0) is None
    assert assembly.add(old[1], 0) is None
    assert assembly.add(new[0], 0) is None
    whole = assembly.add(new[1], 0)
    assert whole is not None
    assert whole.content == {"a": 2}


def test_parts_that_never_come_are_given_up() -> None:
    assembly = Assembly(LARGEST)
    first, second = cut({"a": 1}, parts=2)
    assembly.add(first, 0)

    assert assembly.add(second, PATIENCE + 1) is None
    assert len(assembly._pieces) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        zlib.compress(b"no json"),
        zlib.compress(b'{"a": 1}')[:-3],
        zlib.compress(b'{"a": 1}') + b"more",
        zlib.compress(b'{"a": ' + b" " * LARGEST + b"1}"),
        zlib.compress(b'{"a": NaN}'),
        zlib.compress(b"\xff\xfe"),
        zlib.compress(b"[" * 50_000),
    ],
)
def test_what_is_no_map_is_refused_and_forgotten(data: bytes) -> None:
    assembly = Assembly(LARGEST)
    with pytest.raises(BrokenMap):
        assembly.add(cut_bytes(data)[0], 0)

    assert assembly._pieces == {}


def test_a_small_message_cannot_become_a_huge_map() -> None:
    bomb = zlib.compress(b'"' + b"0" * 50_000_000 + b'"', 9)
    assert len(bomb) < LARGEST
    with pytest.raises(BrokenMap, match="too large"):
        Assembly(LARGEST).add(cut_bytes(bomb)[0], 0)


def test_all_maps_under_way_together_are_bounded() -> None:
    assembly = Assembly(LARGEST)
    noise = os.urandom(80_000)
    assembly.add(cut_bytes(noise, parts=2)[0], 0)
    assembly.add(cut_bytes(noise, parts=2, map="crush_map")[0], 0)
    with pytest.raises(BrokenMap, match="too large"):
        assembly.add(cut_bytes(noise, parts=2, node="node2")[0], 0)


@pytest.mark.parametrize("changes", [{"data": "*"}, {"data": "é"}, {"part": 5, "parts": 1}])
def test_a_part_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BrokenMap):
        Assembly(LARGEST).add(cut({"a": 1}, **changes)[0], 0)

"""How nodes read what monitors say: versions, digests, summaries, the audit log; hostile output included."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.salt.node_code import load

maps = load("_utils/ceph_maps.py")
audit = load("_utils/ceph_audit.py")


def test_an_epoch_is_a_map_s_version() -> None:
    content, canonical, version = maps.read("osd_map", b'{"epoch": 7, "osds": []}')

    assert version == 7
    assert json.loads(canonical) == content == {"epoch": 7, "osds": []}


def test_a_digest_depends_on_the_content_alone() -> None:
    first = maps.read("health", b'{"status": "HEALTH_OK", "checks": {}}')[2]
    other_order = maps.read("health", b'{ "checks": {},\n "status": "HEALTH_OK" }')[2]
    other_content = maps.read("health", b'{"status": "HEALTH_WARN", "checks": {}}')[2]

    assert first == other_order != other_content
    assert len(first) == 16


@pytest.mark.parametrize("name", [b"p\xff\xfe", b"\\ud800", b"\xed\xa0\x80"])
def test_names_that_are_no_text_become_text(name: bytes) -> None:
    _, canonical, _ = maps.read("osd_map", b'{"epoch": 1, "pools": [{"pool_name": "' + name + b'"}]}')

    canonical.decode("utf-8")


@pytest.mark.parametrize("output", [b"", b"garbage", b"[]", b"{}", b'{"epoch": "7"}', b'{"epoch": true}', b"[" * 10**5])
def test_what_is_no_map_is_refused(output: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, RecursionError)):
        maps.read("osd_map", output)


def test_placement_groups_are_counted_by_acting_osd_and_pool() -> None:
    def pg(pgid: str, state: str, acting: list[int]) -> dict[str, Any]:
        return {"pgid": pgid, "state": state, "acting": acting, "up": [9]}

    hole = maps.NO_OSD
    dump = [pg("1.0", "active+clean", [0, 1]), pg("1.1", "active+clean", [1, 2]), pg("2.0", "down", [0, hole])]

    assert maps.pg_summary({"pg_stats": dump}) == maps.pg_summary(dump)
    assert maps.pg_summary(dump) == {
        "all": {"active+clean": 2, "down": 1},
        "by_pool": {"1": {"active+clean": 2}, "2": {"down": 1}},
        "by_osd": {"0": {"active+clean": 1, "down": 1}, "1": {"active+clean": 2}, "2": {"active+clean": 1}},
    }


def test_a_restarted_osd_makes_its_metadata_due_but_a_reweighted_one_does_not() -> None:
    def osd_map(epoch: int, up_from: int, weight: float) -> dict[str, Any]:
        return {"epoch": epoch, "osds": [{"osd": 0, "up_from": up_from, "weight": weight}]}

    before = maps.marks("osd_map", osd_map(5, 3, 1.0))
    reweighted = maps.marks("osd_map", osd_map(6, 3, 0.5))
    restarted = maps.marks("osd_map", osd_map(7, 7, 0.5))

    assert before["osd_metadata"] == reweighted["osd_metadata"] != restarted["osd_metadata"]
    assert before["crush_map"] != reweighted["crush_map"]


def test_a_status_that_lacks_everything_has_marks_nevertheless() -> None:
    assert set(maps.marks("status", {})) <= set(maps.MAPS)


def line(stamp: str, message: str) -> dict[str, str]:
    return {"stamp": stamp, "message": message}


OURS = 'from=\'client.? 1\' entity=\'client.w\' cmd=[{"calamari_step": "0", "calamari_request": "r"}]: dispatch'


def test_audit_lines_are_ours_by_both_keys_and_sender() -> None:
    entries = [
        line("2", OURS),
        line("1", OURS.replace("dispatch", "earlier")),
        line("2", OURS),
        line("3", OURS.replace('"0"', '"1"')),
        line("4", OURS.replace('"r"', '"r2"')),
        line("5", OURS.replace("client.w", "client.x")),
    ]

    assert audit.matching(entries, "client.w", "r", 0) == [OURS.replace("dispatch", "earlier"), OURS]


def note(memory: Any, message: bytes, seconds: int = 1) -> None:
    memory.note(None, b"", b"mon.a", seconds, 500_000_000, 1, b"[INF]", message)


def test_lines_of_ours_are_remembered_and_others_are_not(tmp_path: Path) -> None:
    memory = audit.Memory(tmp_path / "audit", pid=5, born=77)
    note(memory, OURS.encode() + b"\xff")
    note(memory, b"pgmap v8: 1 pgs")
    entries, since = audit.remembered(str(tmp_path / "audit"), lambda pid: 77)

    assert entries == [line("1970-01-01T00:00:01.500000+0000", OURS + "\ufffd")]
    assert since is not None
    assert audit.remembered(str(tmp_path / "audit"), lambda pid: None)[1] is None


def test_the_memory_is_bounded(tmp_path: Path) -> None:
    memory = audit.Memory(tmp_path / "audit", pid=5, born=77)
    for number in range(5000):
        note(memory, OURS.encode() + b"x" * 1000, seconds=number)

    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert sum(sizes) < 2.1 * audit.LARGEST_FILE


def test_a_memory_cut_off_by_a_crash_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    memory = audit.Memory(tmp_path / "audit", pid=5, born=77)
    note(memory, OURS.encode())
    with (tmp_path / "audit").open("ab") as file:
        file.write(b'{"stamp": "20')

    assert len(audit.remembered(str(tmp_path / "audit"), lambda pid: 77)[0]) == 1


def test_there_need_be_no_memory(tmp_path: Path) -> None:
    assert audit.remembered(str(tmp_path / "audit"), lambda pid: 1) == ([], None)

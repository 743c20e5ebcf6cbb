"""The store of sync objects: what moves it, what does not, and what readers hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cthulhu.sync.objects import HEALTH, OSD_MAP, SYNC_OBJECT_TYPES, SyncObjects, digest, is_older


@pytest.fixture
def store() -> SyncObjects:
    store = SyncObjects()
    store.offer(OSD_MAP, 10, {"epoch": 10}, 100.0)
    store.offer(HEALTH, "aa", {"status": "HEALTH_OK"}, 100.0)
    return store


def test_the_first_offer_moves():
    store = SyncObjects()
    assert store.get(OSD_MAP) is None
    assert store.offer(OSD_MAP, 0, {}, 1.0) is True
    assert store.names() == [OSD_MAP]
    assert store.versions() == {OSD_MAP: 0}


def test_a_newer_epoch_moves(store):
    assert store.offer(OSD_MAP, 11, {"epoch": 11}, 101.0) is True
    assert store.get(OSD_MAP).content == {"epoch": 11}


def test_an_older_epoch_is_refused_and_confirms_nothing(store):
    assert store.offer(OSD_MAP, 9, {"epoch": 9}, 101.0) is False
    assert (store.get(OSD_MAP).version, store.get(OSD_MAP).updated_at) == (10, 100.0)


def test_an_older_epoch_counts_after_a_reset(store):
    assert store.offer(OSD_MAP, 1, {"epoch": 1}, 101.0, reset=True) is True
    assert store.get(OSD_MAP).content == {"epoch": 1}
    assert store.offer(OSD_MAP, 1, {"rebuilt": True}, 102.0, reset=True) is True
    assert store.get(OSD_MAP).content == {"rebuilt": True}


def test_the_same_version_is_only_confirmed(store):
    held = store.get(OSD_MAP)
    assert store.offer(OSD_MAP, 10, {"epoch": 10, "other": 1}, 105.0) is False
    assert store.get(OSD_MAP).content is held.content
    assert store.get(OSD_MAP).updated_at == 105.0


def test_any_other_digest_moves_back_and_forth(store):
    assert store.offer(HEALTH, "bb", {}, 101.0) is True
    assert store.offer(HEALTH, "aa", {}, 102.0) is True
    assert store.offer(HEALTH, "aa", {}, 103.0) is False


@pytest.mark.parametrize(
    ("name", "version", "confirmed"),
    [(OSD_MAP, 10, True), (OSD_MAP, 9, False), (OSD_MAP, 11, False), (HEALTH, "aa", True), ("absent", 1, False)],
)
def test_only_the_version_held_is_confirmed(store, name, version, confirmed):
    before = dict(store.snapshot())
    assert store.confirm(name, version, 110.0) is confirmed
    after = store.snapshot()
    assert {key for key in after if after[key].updated_at == 110.0} == ({name} if confirmed else set())
    assert all(after[key].content is before[key].content for key in before)


def test_time_does_not_go_back(store):
    assert store.confirm(OSD_MAP, 10, 50.0) is True
    assert store.get(OSD_MAP).updated_at == 100.0


@pytest.mark.parametrize(
    ("name", "version"),
    [
        (OSD_MAP, "10"),
        (OSD_MAP, True),
        (OSD_MAP, -1),
        (OSD_MAP, None),
        (OSD_MAP, 1.5),
        (HEALTH, 3),
        (HEALTH, ""),
        (HEALTH, "a" * 65),
        (HEALTH, ["aa"]),
    ],
)
def test_versions_of_the_wrong_kind_are_refused(store, name, version):
    with pytest.raises(TypeError):
        store.offer(name, version, {}, 101.0)
    assert store.get(name).updated_at == 100.0


def test_unknown_objects_are_refused(store):
    with pytest.raises(KeyError):
        store.offer("mds_map", 1, {}, 1.0)


def test_a_snapshot_is_one_moment(store):
    snapshot = store.snapshot()
    store.offer(OSD_MAP, 11, {}, 101.0)
    store.confirm(HEALTH, "aa", 200.0)
    assert (snapshot[OSD_MAP].version, snapshot[HEALTH].updated_at) == (10, 100.0)
    with pytest.raises(TypeError):
        snapshot[OSD_MAP] = None


def test_what_is_derived_is_computed_once_per_version(store):
    seen = []

    def index(content):
        seen.append(content)
        return len(seen)

    assert store.get(OSD_MAP).derived(index) == 1
    store.confirm(OSD_MAP, 10, 120.0)
    assert store.get(OSD_MAP).derived(index) == 1
    store.offer(OSD_MAP, 11, {}, 121.0)
    assert store.get(OSD_MAP).derived(index) == 2


@given(st.lists(st.integers(0, 20)))
def test_epochs_only_grow(epochs):
    store = SyncObjects()
    for epoch in epochs:
        store.offer(OSD_MAP, epoch, {"epoch": epoch}, 1.0)
    if epochs:
        assert store.get(OSD_MAP).content == {"epoch": max(epochs)}


def test_age_is_a_matter_of_epochs():
    assert is_older(1, 2)
    assert not is_older(2, 2)
    assert not is_older("a", "b")


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 16


def test_what_monitors_say_and_what_cthulhu_observes():
    observed = {name for name, kind in SYNC_OBJECT_TYPES.items() if not kind.from_monitors}
    ordered = {name for name, kind in SYNC_OBJECT_TYPES.items() if kind.ordered}
    assert observed == {"servers", "contact"}
    assert ordered == {"osd_map", "mon_map", "mon_status", "mgr_map", "fs_map", "service_map"}

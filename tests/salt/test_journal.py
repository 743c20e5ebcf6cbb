"""The node's journal: what survives, who may act, what is forgotten and when."""

import errno
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.salt.node_code import load

journal = load("_utils/ceph_journal.py")


def hold(folder: Path, claimed: Any, release: Any) -> None:
    with journal.open_entry(folder, "r", 0, create=True) as entry:
        claimed.put(entry.locked)
        release.wait(10)


def test_records_are_read_back_in_order(tmp_path: Path) -> None:
    with journal.open_entry(tmp_path / "j", "r", 1, create=True) as entry:
        entry.append("claimed", not_after=5)
        entry.append("sending", pid=7)
    with journal.open_entry(tmp_path / "j", "r", 1, create=False) as entry:
        assert [record["state"] for record in entry.records()] == ["claimed", "sending"]
        assert entry.records()[0]["not_after"] == 5


def test_steps_are_separate_and_absent_ones_are_none(tmp_path: Path) -> None:
    with journal.open_entry(tmp_path, "r", 1, create=True) as entry:
        entry.append("claimed")
    assert journal.open_entry(tmp_path, "r", 2, create=False) is None
    with journal.open_entry(tmp_path, "r2", 1, create=True) as entry:
        assert entry.records() == []


@pytest.mark.parametrize("torn", [b'{"state": "answ', b"\x00\x00", b"null\n", b"[1]\n", b"{}\n", b"\xff\xfe\n"])
def test_a_torn_line_counts_as_not_written_and_hides_nothing(tmp_path: Path, torn: bytes) -> None:
    with journal.open_entry(tmp_path, "r", 0, create=True) as entry:
        entry.append("claimed")
        os.write(entry.descriptor, torn)
        assert [record["state"] for record in entry.records()] == ["claimed"]
        entry.append("sending")
        assert [record["state"] for record in entry.records()] == ["claimed", "sending"]


def test_only_one_process_at_a_time_may_act(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    claimed, release = context.Queue(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, claimed, release))
    other.start()
    try:
        assert claimed.get(timeout=10)
        with journal.open_entry(tmp_path, "r", 0, create=True) as entry:
            assert not entry.locked
            assert not entry.lock(patience=0.1)
            release.set()
            assert entry.lock(patience=5)
    finally:
        release.set()
        other.join(10)


def test_an_inherited_entry_stays_locked_after_its_opener(tmp_path: Path) -> None:
    """The program that sends the command holds the step even when the job that started it is dead."""
    entry = journal.open_entry(tmp_path, "r", 0, create=True)
    inherited = os.dup(entry.descriptor)
    os.close(entry.descriptor)
    with journal.open_entry(tmp_path, "r", 0, create=True) as second:
        assert not second.locked
        os.close(inherited)
        assert second.lock()


def test_old_entries_are_forgotten_but_never_held_or_young_ones(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("old", journal.RETENTION + 10), ("young", journal.RETENTION - 10), ("held", 10**8)):
        with journal.open_entry(tmp_path, name, 0, create=True) as entry:
            entry.append("claimed")
        os.utime(tmp_path / f"{name}.0", (now - age, now - age))
    with journal.open_entry(tmp_path, "held", 0, create=True):
        journal.prune(tmp_path, now)

    assert {path.name for path in tmp_path.iterdir()} == {"young.0", "held.0", ".pruned"}


def test_pruning_is_seldom(tmp_path: Path) -> None:
    now = time.time()
    journal.prune(tmp_path, now)
    (tmp_path / "r.0").touch()
    os.utime(tmp_path / "r.0", (0, 0))
    journal.prune(tmp_path, now + journal.PRUNE_PERIOD - 1)
    assert (tmp_path / "r.0").exists()
    journal.prune(tmp_path, now + journal.PRUNE_PERIOD + 1)
    assert not (tmp_path / "r.0").exists()


def test_what_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with journal.open_entry(tmp_path, "r", 0, create=True) as entry:
        monkeypatch.setattr(journal.os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            entry.append("claimed")


def test_records_and_the_file_s_name_are_on_disk_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    monkeypatch.setattr(journal.os, "fsync", note)
    with journal.open_entry(tmp_path / "journal", "r", 0, create=True) as entry:
        entry.append("claimed")

    assert synced == ["journal", "r.0"]

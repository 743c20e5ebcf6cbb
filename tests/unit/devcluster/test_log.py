"""The merged log: what is in it, and that it never grows without bounds."""

import io
import json
from pathlib import Path

import pytest

from devcluster import calamari, log
from devcluster.ceph import for_people
from devcluster.log import MergedLog


def test_own_file_holds_everything_the_merged_one_what_is_for_people(tmp_path: Path) -> None:
    terminal = io.StringIO()
    merged = MergedLog(tmp_path, terminal)
    merged.line("osd.0", "chatter", None)
    merged.line("osd.0", "-1 broken", "broken")
    merged.say("hello")
    assert [line.split("| ")[1] for line in (tmp_path / "osd.0.log").read_text().splitlines()] == [
        "chatter",
        "-1 broken",
    ]
    text = (tmp_path / "devcluster.log").read_text()
    assert text == terminal.getvalue()
    assert [line.split(maxsplit=1)[1] for line in text.splitlines()] == [
        "osd.0         | broken",
        "devcluster    | hello",
    ]


def test_secrets_go_to_the_terminal_alone(tmp_path: Path) -> None:
    terminal = io.StringIO()
    MergedLog(tmp_path, terminal).tell_person("password")
    assert terminal.getvalue() == "password\n"
    assert not any("password" in file.read_text() for file in tmp_path.iterdir())


def test_closed_terminal_does_no_harm(tmp_path: Path) -> None:
    terminal = io.StringIO()
    merged = MergedLog(tmp_path, terminal)
    terminal.close()
    merged.say("one")
    merged.say("two")
    merged.tell_person("three")
    assert "two" in (tmp_path / "devcluster.log").read_text()


def test_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LARGEST_FILE", 20_000)
    merged = MergedLog(tmp_path, None)
    for _ in range(1000):
        merged.line("osd.0", "x" * 100, None)
    assert sum(file.stat().st_size for file in tmp_path.glob("osd.0.log*")) <= 20_000


CEPH_LINES = {
    "2026-11-21T13:19:52.818+0000 7fc1d7e1e6c0 -1 osd.0 20 no reply": "osd.0 20 no reply",
    "2026-11-21T13:19:52.818+0000 7fc1d7e1e6c0  1 osd.0 20 state: booting": None,
    "2026-11-21T13:19:52.818+0000 7fc1d7e1e6c0 -1 mgr[py] Module crash has missing NOTIFY_TYPES member": None,
    "cluster 2026-11-21T13:23:30.048+0000 mon.c (mon.0) 51 : cluster [WRN] Health check failed": (
        "cluster [WRN] Health check failed"
    ),
    "cluster 2026-11-21T13:23:30.048+0000 mgr.x (mgr.1) 9 : cluster [DBG] pgmap v5": None,
    "audit 2026-11-21T13:23:30.048+0000 mon.c (mon.0) 52 : audit [INF] cmd": None,
    "default compat: compat={}": None,
    "": None,
}


@pytest.mark.parametrize("line", CEPH_LINES)
def test_lines_of_ceph(line: str) -> None:
    assert for_people(line) == CEPH_LINES[line]


def test_lines_of_calamari() -> None:
    entry = {"event": "cluster found", "name": "ceph", "level": "info", "timestamp": "2026", "logger": "cthulhu"}
    assert calamari.for_people(json.dumps(entry)) == "info cluster found name=ceph"
    assert calamari.for_people("INFO: no JSON") == "INFO: no JSON"
    assert calamari.for_people("[1, 2]") == "[1, 2]"
    assert calamari.for_people('{"no": "event"}') == '{"no": "event"}'
    failed = {"event": "failed", "level": "error", "exception": "Traceback\n  line"}
    assert calamari.for_people(json.dumps(failed)) == "error failed\nTraceback\n  line"
    assert calamari.for_people("") is None

"""The program that sends a command, stopped at the worst moments. librados is played; the kernel's timer is real.

Runs under the node's own interpreter, as in production.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.salt.node_code import NODE_CODE, load

journal = load("_utils/ceph_journal.py")

# Stands in for librados: stops its own process where told, and writes down every command that reaches it.
PLAYED = """
import os, signal, sys, time, types
utilities, stop_at, log = sys.argv[1:]
sys.path.insert(0, utilities)
import librados_change
played = types.ModuleType("librados_connection")
def connect(**ceph):
    if stop_at == "connecting": os.kill(os.getpid(), signal.SIGSTOP)
    if stop_at == "refused": raise rados.Error("no monitor")
    return object()
def ask(connection, target, command):
    if stop_at == "awaiting" and "calamari_request" in command: os.kill(os.getpid(), signal.SIGSTOP)
    open(log, "a").write(command["prefix"] + "\\n")
    if stop_at == "silent": return -110, b"", ""
    return 0, b'{"epoch": 42}\\xff' if "calamari_request" in command else b'{"epoch": 42}', "fine"
played.connect, played.ask = connect, ask
rados = types.ModuleType("rados")
rados.Error = type("Error", (Exception,), {})
sys.modules["librados_connection"], sys.modules["rados"] = played, rados
if stop_at == "journaled":
    import ceph_journal
    append = ceph_journal.append
    def stop_after(*arguments, **fields):
        append(*arguments, **fields)
        if arguments[1] == "sending": os.kill(os.getpid(), signal.SIGSTOP)
    ceph_journal.append = stop_after
librados_change.main()
"""


class Run:
    """One run of the program on an entry of its own."""

    def __init__(self, folder: Path, stop_at: str, seconds: float) -> None:
        self.log = folder / "sent"
        self.entry = journal.open_entry(folder / "journal", "r", 0, create=True)
        order = {
            "journal": self.entry.descriptor,
            "ceph": {},
            "not_after": time.time() + seconds,
            "target": "mon",
            "command": {"prefix": "osd out", "calamari_request": "r"},
            "await_map": True,
        }
        utilities = str(NODE_CODE / "_utils")
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-c", PLAYED, utilities, stop_at, str(self.log)],
            stdin=subprocess.PIPE,
            pass_fds=(self.entry.descriptor,),
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.close()

    def wait_until_stopped(self) -> None:
        pid, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert pid == self.process.pid
        assert os.WIFSTOPPED(status)

    def states(self) -> list[str]:
        return [record["state"] for record in self.entry.records()]

    def sent(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def record(self, state: str) -> dict[str, Any]:
        return next(record for record in self.entry.records() if record["state"] == state)


def test_a_command_is_announced_sent_and_answered(tmp_path: Path) -> None:
    run = Run(tmp_path, "never", 20)
    assert run.process.wait(20) == 0

    assert run.states() == ["sending", "answered", "finished"]
    assert run.sent() == ["osd out", "osd stat"]
    assert run.record("answered")["output"] == '{"epoch": 42}\ufffd'
    assert run.record("finished")["epoch"] == 42


@pytest.mark.parametrize("stop_at", ["connecting", "journaled", "awaiting"])
def test_a_program_thawed_after_its_deadline_sends_nothing(tmp_path: Path, stop_at: str) -> None:
    run = Run(tmp_path, stop_at, 2)
    run.wait_until_stopped()
    time.sleep(2.5)
    os.kill(run.process.pid, signal.SIGCONT)

    assert run.process.wait(10) == -signal.SIGALRM
    assert run.sent() == []
    assert run.states() == ([] if stop_at == "connecting" else ["sending"])


@pytest.mark.parametrize("stop_at", ["connecting", "journaled", "awaiting"])
def test_a_program_thawed_in_time_goes_on(tmp_path: Path, stop_at: str) -> None:
    run = Run(tmp_path, stop_at, 30)
    run.wait_until_stopped()
    os.kill(run.process.pid, signal.SIGCONT)
    run.process.wait(20)

    assert run.states() == ["sending", "answered", "finished"]


def test_a_program_that_starts_late_does_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, "never", -1)
    run.process.wait(10)

    assert run.sent() == []
    assert run.states() == []


def test_without_a_cluster_nothing_was_sent(tmp_path: Path) -> None:
    run = Run(tmp_path, "refused", 20)
    run.process.wait(10)

    assert run.states() == ["refused"]
    assert "no monitor" in run.record("refused")["reason"]


def test_no_answer_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    run = Run(tmp_path, "silent", 20)
    run.process.wait(10)

    assert run.states() == ["sending", "unanswered"]

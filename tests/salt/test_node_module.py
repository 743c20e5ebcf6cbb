"""`ceph.*` on a node without Ceph: what is answered, journaled and refused."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.salt.node_code import NODE_CODE, load, utilities

UTILITIES = str(NODE_CODE / "_utils")
COMMAND = {"prefix": "osd out", "ids": ["1"]}


class Node:
    """The module with its options, and a stand-in for the program that talks to Ceph."""

    def __init__(self, folder: Path) -> None:
        options = {
            "conf": "/none",
            "state_dir": str(folder),
            "python": "/usr/bin/python3",
            **{f"{role}_{what}": "none" for role in ("read", "write") for what in ("name", "keyring")},
        }
        self.folder = folder
        self.program = folder / "program.py"
        self.utilities = utilities()
        self.utilities["ceph_envelope.seal"] = lambda _pki, body: {"body": json.dumps(body), "signature": ""}
        path = self.utilities["ceph_programs.path"]
        self.utilities["ceph_programs.path"] = lambda name: str(self.program) if "change" in name else path(name)
        self.module = load(
            "_modules/ceph.py",
            __opts__={"id": "node1", "pki_dir": "/none", "calamari": options},
            __utils__=self.utilities,
        )

    def play(self, *states: str, then: str = "") -> None:
        """Let the program append these records, each given as Python keyword arguments."""
        lines = [f"append(order['journal'], {state})" for state in states]
        header = (
            f"import sys, json, os, time\nsys.path.append({UTILITIES!r})\n"
            "from ceph_journal import append\nfrom ceph_programs import birth\n"
            "order = json.loads(sys.stdin.readline())\n"
            f"open({str(self.folder / 'runs')!r}, 'a').write('x')\n"
        )
        self.program.write_text(header + "\n".join([*lines, then]) + "\n")

    def runs(self) -> int:
        file = self.folder / "runs"
        return len(file.read_text()) if file.exists() else 0

    def call(self, function: str, **arguments: Any) -> dict[str, Any]:
        envelope = getattr(self.module, function)(**arguments, __pub_jid="job")
        return json.loads(envelope["body"])

    def run(self, seconds: float = 10, **changes: Any) -> dict[str, Any]:
        now = time.time()
        arguments = {
            "request_id": "r", "step": 0, "issued_at": now, "not_after": now + seconds, "target": "mon",
            "command": COMMAND, "await_map": True,
        }  # fmt: skip
        return self.call("run_command", **arguments | changes)

    def outcome(self) -> dict[str, Any]:
        return self.call("outcome", request_id="r", step=0)


ANSWERED = "'answered', code=0, status='marked out osd.1.', output=''"
FINISHED = "'finished', epoch=7"
SENDING = "'sending', pid=os.getpid(), born=birth(os.getpid())"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    node = Node(tmp_path)
    node.play(SENDING, ANSWERED, FINISHED)
    return node


def test_what_ran_is_told_and_repeated(node: Node) -> None:
    first = node.run()
    again = node.run()

    assert (first["kind"], first["node"], first["job_id"]) == ("result", "node1", "job")
    assert (first["outcome"], first["code"], first["epoch"], first["replayed"]) == ("done", 0, 7, False)
    assert again == first | {"replayed": True}
    assert node.outcome() == again
    assert node.runs() == 1


def test_a_repeat_is_answered_even_after_its_deadline(node: Node) -> None:
    first = node.run()
    late = node.run(issued_at=time.time() - 60, not_after=time.time() - 30)

    assert late == first | {"replayed": True}


def test_an_error_of_the_cluster_is_a_failure(node: Node) -> None:
    node.play(SENDING, "'answered', code=-22, status='no', output=''", FINISHED)

    assert node.run()["outcome"] == "failed"
    assert node.run()["code"] == -22


def test_lateness_is_refused_for_good(node: Node) -> None:
    late = node.run(issued_at=time.time() - 60, not_after=time.time() - 30)
    again = node.run()

    assert (late["outcome"], again["outcome"]) == ("refused", "refused")
    assert node.runs() == 0


def test_clocks_apart_are_refused(node: Node) -> None:
    future = time.time() + 6
    assert "clocks are apart" in node.run(issued_at=future, not_after=future + 10)["reason"]
    assert node.runs() == 0


def test_a_program_that_died_before_sending_ran_nothing(node: Node) -> None:
    node.play(then="os._exit(1)")
    result = node.run()
    node.play(SENDING, ANSWERED, FINISHED)

    assert result["outcome"] == "refused"
    assert node.run()["outcome"] == "refused"
    assert node.runs() == 1


def test_a_program_that_died_while_sending_leaves_it_unknown(node: Node) -> None:
    node.play(SENDING, then="os._exit(1)")
    result = node.run()
    node.play(SENDING, ANSWERED, FINISHED)

    assert result["outcome"] == "unknown"
    assert node.run() == result | {"replayed": True}
    assert node.runs() == 1


def test_no_answer_leaves_it_unknown(node: Node) -> None:
    node.play(SENDING, "'unanswered', reason='silence'")

    assert (node.run()["outcome"], node.outcome()["reason"]) == ("unknown", "silence")


def test_the_answer_counts_without_the_epoch(node: Node) -> None:
    node.play(SENDING, ANSWERED, then="os._exit(1)")

    result = node.run()
    assert (result["outcome"], result["epoch"]) == ("done", None)


def test_asking_forbids_what_never_came(node: Node) -> None:
    assert node.outcome()["outcome"] == "absent"
    assert node.run()["outcome"] == "refused"
    assert node.outcome()["outcome"] == "absent"
    assert node.runs() == 0


def held_elsewhere(node: Node, code: str) -> subprocess.Popen[bytes]:
    """Start a process that claims the step and does `code`; return it once it is at it."""
    source = (
        "import sys, os, time, signal\n"
        f"sys.path.append({UTILITIES!r})\n"
        "from ceph_journal import open_entry\nfrom ceph_programs import birth\n"
        f"entry = open_entry({str(node.folder / 'journal')!r}, 'r', 0, create=True)\n{code}\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(["/usr/bin/python3", "-I", "-c", source], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_step_at_work_elsewhere_is_running_and_not_started_again(node: Node) -> None:
    other = held_elsewhere(node, "entry.append('claimed', not_after=time.time() + 60, command='', job_id='')")
    try:
        assert node.outcome()["outcome"] == "running"
    finally:
        other.kill()
        other.wait()
    assert node.outcome()["outcome"] == "refused"


def test_a_program_frozen_beyond_its_deadline_is_killed_when_asked_about(node: Node) -> None:
    other = held_elsewhere(
        node,
        "entry.append('claimed', not_after=time.time() - 60, command='', job_id='')\n"
        "entry.append('sending', pid=os.getpid(), born=birth(os.getpid()))\n",
    )
    try:
        os.kill(other.pid, signal.SIGSTOP)
        assert node.outcome()["outcome"] == "unknown"
        assert other.wait(5) == -signal.SIGKILL
    finally:
        other.kill()
        other.wait()


def test_a_number_that_another_process_now_has_is_not_killed(node: Node) -> None:
    other = held_elsewhere(
        node,
        "entry.append('claimed', not_after=time.time() - 60, command='', job_id='')\n"
        "entry.append('sending', pid=os.getpid(), born=1)\n",
    )
    try:
        assert node.outcome()["outcome"] == "unknown"
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_another_command_under_a_used_step_is_refused(node: Node) -> None:
    node.run()

    assert "another command" in node.run(command={"prefix": "osd in", "ids": ["1"]})["reason"]


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "a/b"},
        {"request_id": "a\n"},
        {"request_id": ""},
        {"request_id": None},
        {"step": True},
        {"step": 1.5},
        {"step": 10**9},
        {"issued_at": "now"},
        {"not_after": float("nan")},
        {"not_after": float("inf")},
        {"target": "osd"},
        {"command": {"prefix": "osd out\n"}},
        {"command": {"ids": ["1"]}},
        {"command": {"prefix": "osd out", "x": {"y": 1}}},
        {"command": {"prefix": "osd out", "X": 1}},
        {"command": {"prefix": "osd out", "calamari_step": "1"}},
        {"await_map": 1},
    ],
)
def test_malformed_arguments_become_a_signed_error(node: Node, changes: dict[str, Any]) -> None:
    answer = node.run(**changes)

    assert answer["kind"] == "error"
    assert answer["error"].startswith("Invalid: ")
    assert node.runs() == 0


@pytest.mark.parametrize(
    "changes",
    [{"lease": ""}, {"lease": "a b"}, {"since": []}, {"since": {"osd_map": []}}, {"seconds": 0}, {"seconds": 1e9}],
)
def test_a_malformed_lease_is_not_taken(node: Node, changes: dict[str, Any]) -> None:
    answer = node.call("watch", **{"lease": "l", "since": {}, "seconds": 5} | changes)

    assert answer["kind"] == "error"
    assert not (node.folder / "lease").exists()


def test_a_lease_is_written_for_the_watcher(node: Node) -> None:
    answer = node.call("watch", lease="l", since={"osd_map": 3}, seconds=5)
    lease = json.loads((node.folder / "lease").read_text())

    assert answer == {"kind": "watch", "lease": "l", "node": "node1", "job_id": "job"}
    assert (lease["lease"], lease["since"]) == ("l", {"osd_map": 3})
    assert 0 < lease["until"] - time.time() <= 5

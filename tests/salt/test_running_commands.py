"""Changing commands on a real cluster through real minions: once, in time, and known."""

import json
import os
import signal
import time
import uuid
from pathlib import Path

import pytest

from tests.salt.listener import Listener, order
from tests.salt.processes import wait_for
from tests.salt.small_ceph import SmallCeph
from tests.salt.small_salt import SmallSalt

OUT = {"prefix": "osd out", "ids": ["1"]}


@pytest.fixture
def request_id() -> str:
    return str(uuid.uuid4())


def programs(request_id: str) -> list[int]:
    """Return the pids of the programs that are at a step of the request: they hold its journal entry open."""
    pids = []
    for process in Path("/proc").iterdir():
        try:
            if b"librados_change.py" not in (process / "cmdline").read_bytes():
                continue
            if any(request_id in str(link.readlink()) for link in (process / "fd").iterdir()):
                pids.append(int(process.name))
        except OSError:
            continue
    return pids


def test_a_command_runs_once_and_the_cluster_says_so(cluster: SmallCeph, nodes: Listener, request_id: str) -> None:
    cluster.ceph("osd", "in", "1")
    result = nodes.run(request_id, OUT)

    assert (result["outcome"], result["code"], result["replayed"]) == ("done", 0, False)
    dump = cluster.ceph("osd", "dump")
    assert dump["osds"][1]["in"] == 0
    assert 0 < result["epoch"] <= dump["epoch"]
    assert cluster.runs(request_id) == 1
    finished = wait_for(lambda: cluster.audit(request_id, ": finished"), 10, "the line that says finished")
    assert len(finished) == 1
    assert "entity='client.calamari-write'" in finished[0]


def test_the_audit_log_is_searched_from_any_node(nodes: Listener, request_id: str) -> None:
    nodes.run(request_id, {"prefix": "osd reweight", "id": 0, "weight": 0.77})

    def search(step: int) -> dict[str, object]:
        return nodes.call("node2", "ceph.find_in_audit", request_id=request_id, step=step).result or {}

    found = wait_for(lambda: (answer := search(0))["finished"] and answer, 10, "the line that says finished")
    assert found["found"]
    assert found["lines"]
    assert not search(1)["found"]


def test_a_command_is_found_after_the_cluster_forgot_it(cluster: SmallCeph, nodes: Listener, request_id: str) -> None:
    """The monitors show the last 50 lines; every question of anybody is one."""
    nodes.run(request_id, {"prefix": "osd reweight", "id": 0, "weight": 0.66})
    wait_for(lambda: cluster.audit(request_id, ": finished"), 10, "the line that says finished")
    for _ in range(60):
        cluster.ceph("osd", "stat")
    wait_for(lambda: not cluster.audit(request_id), 20, "the cluster to forget")
    answer = nodes.call("node2", "ceph.find_in_audit", request_id=request_id, step=0).result

    assert answer is not None
    assert answer["found"]
    assert answer["finished"]


def test_a_repeat_is_answered_from_the_journal(cluster: SmallCeph, nodes: Listener, request_id: str) -> None:
    arguments = order(request_id, OUT)
    first = nodes.call("node1", "ceph.run_command", **arguments).result
    again = nodes.call("node1", "ceph.run_command", **arguments).result

    assert first is not None
    assert again is not None
    assert again["replayed"]
    for field in ("outcome", "code", "status", "epoch", "started_at", "finished_at"):
        assert again[field] == first[field]
    assert cluster.runs(request_id) == 1


def test_another_command_under_the_same_step_is_refused(nodes: Listener, request_id: str) -> None:
    nodes.run(request_id, OUT)
    other = nodes.run(request_id, {"prefix": "osd in", "ids": ["1"]})

    assert other["outcome"] == "refused"
    assert "another command" in other["reason"]


def test_a_job_published_many_times_runs_once(cluster: SmallCeph, nodes: Listener, request_id: str) -> None:
    """Salt forgets a job's id after a hundred others, or when the minion restarts: the journal does not."""
    arguments = order(request_id, {"prefix": "osd in", "ids": ["1"]})
    for _ in range(5):
        nodes.remote.publish("node1", "ceph.run_command", arguments, nodes.remote.new_job_id())
    job_id = nodes.remote.new_job_id()
    for _ in range(3):
        nodes.remote.publish("node1", "ceph.run_command", arguments, job_id)
    nodes.answer(job_id)

    known = wait_for(
        lambda: (answer := _outcome(nodes, request_id))["outcome"] == "done" and answer, 20, "the command's end"
    )
    assert known["replayed"]
    assert cluster.runs(request_id) == 1


def test_what_the_cluster_refuses_has_failed(nodes: Listener, request_id: str) -> None:
    result = nodes.run(request_id, {"prefix": "osd reweight", "id": 99, "weight": 0.5})

    assert result["outcome"] == "failed"
    assert result["code"] == -2  # ENOENT
    assert "osd.99" in result["status"]


def test_the_write_identity_cannot_do_more_than_it_should(nodes: Listener, request_id: str) -> None:
    result = nodes.run(request_id, {"prefix": "osd pool create", "pool": "evil", "pg_num": 1})

    assert (result["outcome"], result["code"]) == ("failed", -13)  # EACCES


def test_a_frozen_minion_runs_nothing_late(
    cluster: SmallCeph, nodes: Listener, salt_master: SmallSalt, request_id: str
) -> None:
    minion = salt_master.processes["node1"]
    job_id = nodes.remote.new_job_id()
    minion.signal(signal.SIGSTOP)
    try:
        nodes.remote.publish("node1", "ceph.run_command", order(request_id, OUT, seconds=2), job_id)
        time.sleep(3)
    finally:
        minion.signal(signal.SIGCONT)
    result = nodes.answer(job_id).result

    assert result is not None
    assert result["outcome"] == "refused"
    assert "after its deadline" in result["reason"]
    assert cluster.runs(request_id) == 0


def test_a_frozen_program_sends_nothing_late(cluster: SmallCeph, nodes: Listener, request_id: str) -> None:
    """The program is stopped while it waits for a monitor that does not answer, and thawed after the deadline."""
    job_id = nodes.remote.new_job_id()
    cluster.signal_monitors(signal.SIGSTOP)
    try:
        nodes.remote.publish("node1", "ceph.run_command", order(request_id, OUT, seconds=2.5), job_id)
        [program] = wait_for(lambda: programs(request_id), 5, "the program")
        _send(program, signal.SIGSTOP)
    finally:
        cluster.signal_monitors(signal.SIGCONT)
    time.sleep(3.5)
    _send(program, signal.SIGCONT)
    result = nodes.answer(job_id).result

    assert result is not None
    assert result["outcome"] == "refused"
    assert not programs(request_id)
    assert cluster.runs(request_id) == 0


def test_a_program_outlives_its_frozen_job(
    cluster: SmallCeph, nodes: Listener, salt_master: SmallSalt, request_id: str
) -> None:
    """The minion is stopped while its program sends: the answer is in the journal when it thaws."""
    minion = salt_master.processes["node1"]
    job_id = nodes.remote.new_job_id()
    cluster.signal_monitors(signal.SIGSTOP)
    try:
        nodes.remote.publish("node1", "ceph.run_command", order(request_id, OUT, seconds=6), job_id)
        wait_for(lambda: programs(request_id), 5, "the program")
        minion.signal(signal.SIGSTOP)
        cluster.signal_monitors(signal.SIGCONT)
        wait_for(lambda: not programs(request_id) or None, 10, "the program's end")
        time.sleep(2)
    finally:
        cluster.signal_monitors(signal.SIGCONT)
        minion.signal(signal.SIGCONT)
    result = nodes.answer(job_id).result

    assert result is not None
    assert result["outcome"] == "done"
    assert cluster.runs(request_id) == 1


def test_asking_for_the_outcome_of_what_never_came_forbids_it(
    cluster: SmallCeph, nodes: Listener, request_id: str
) -> None:
    assert _outcome(nodes, request_id)["outcome"] == "absent"

    late = nodes.run(request_id, OUT)

    assert late["outcome"] == "refused"
    assert cluster.runs(request_id) == 0
    assert _outcome(nodes, request_id)["outcome"] == "absent"


def test_arguments_arrive_exactly_as_sent(cluster: SmallCeph, nodes: Listener, request_id: str) -> None:
    """The monitors audit keys they do not know, so the log shows what came out at the other end."""
    odd = {
        "a": "yes",
        "b": "1e3",
        "c": "{a: b}",
        "d": "ü☃𝄞",
        "e": "a=b",
        "f": "0123",
        "g": " ",
        "h": ["null", "~", "1_000"],
        "i": 0.1,
        "j": "2026-01-01",
        "k": "'\"\\\n$(id)`;",
        "l": "__kwarg__",
    }
    result = nodes.run(request_id, {"prefix": "osd in", "ids": ["1"], **odd})

    assert result["outcome"] == "done"
    line = wait_for(lambda: cluster.audit(request_id, ": dispatch"), 10, "the audit line")[0]
    sent = json.loads(line.partition("cmd=[")[2].removesuffix("]: dispatch"))
    assert {key: sent[key] for key in odd} == odd


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "../../etc/passwd"},
        {"request_id": "x" * 65},
        {"step": -1},
        {"step": "0"},
        {"not_after": "soon"},
        {"not_after": 9e99},
        {"target": "osd"},
        {"command": {"prefix": "osd out; reboot"}},
        {"command": {"prefix": "osd out", "calamari_request": "forged"}},
        {"command": {"prefix": "osd out", "ids": [["1"]]}},
        {"command": {"prefix": "osd out", "blob": "x" * 70_000}},
        {"command": "osd out"},
        {"await_map": None},
    ],
)
def test_malformed_arguments_are_refused_with_a_reason(
    nodes: Listener, request_id: str, changes: dict[str, object]
) -> None:
    answer = nodes.call("node1", "ceph.run_command", **{**order(request_id, OUT), **changes})

    assert not answer.success
    assert answer.error is not None
    assert answer.error.startswith("Invalid: ")


def test_a_node_whose_clock_is_behind_refuses(nodes: Listener, request_id: str) -> None:
    now = time.time()
    result = nodes.run(request_id, OUT, issued_at=now + 60, not_after=now + 90)

    assert result["outcome"] == "refused"
    assert "clocks" in result["reason"]


@pytest.mark.parametrize("verb", ["scrub", "deep-scrub", "repair"])
def test_commands_of_the_manager_run_too(cluster: SmallCeph, nodes: Listener, request_id: str, verb: str) -> None:
    wait_for(lambda: cluster.ceph("mgr", "dump")["available"], 60, "the manager")
    wait_for(lambda: cluster.ceph("osd", "stat")["num_up_osds"] == 2, 60, "the OSDs")
    result = nodes.run(request_id, {"prefix": f"osd {verb}", "who": "0"}, target="mgr", await_map=False)

    assert (result["outcome"], result["code"]) == ("done", 0), result
    assert result["epoch"] is None


def _outcome(nodes: Listener, request_id: str) -> dict[str, object]:
    return nodes.call("node1", "ceph.outcome", request_id=request_id, step=0).result or {}


def _send(pid: int, number: signal.Signals) -> None:
    os.kill(pid, number)

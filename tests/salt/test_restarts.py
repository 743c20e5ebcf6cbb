"""The salt-master comes and goes; the nodes, and whoever listens to them, carry on by themselves."""

import json
import time
import uuid

import pytest

from cthulhu.remote.port import RemoteUnavailable
from tests.salt.listener import Listener, order
from tests.salt.small_ceph import run
from tests.salt.small_salt import BIN, SmallSalt

IN = {"prefix": "osd in", "ids": ["1"]}


def restart_master(salt_master: SmallSalt) -> None:
    salt_master.processes["master"].kill()
    salt_master.processes["master"].start()


def test_the_events_go_on_after_a_restart_of_the_master(nodes: Listener, salt_master: SmallSalt) -> None:
    restart_master(salt_master)
    back = time.time()
    for node in ("node1", "node2"):
        nodes.heartbeat(node, lambda h: h.time > back, seconds=60, since=nodes.mark())


def test_jobs_go_out_again_after_a_restart_of_the_master(nodes: Listener, salt_master: SmallSalt) -> None:
    """The master's key for local users is a new one then."""
    restart_master(salt_master)
    until = time.monotonic() + 60
    while True:
        job_id = nodes.remote.new_job_id()
        try:
            nodes.remote.publish("node1", "ceph.outcome", {"request_id": "restart", "step": 0}, job_id)
            nodes.answer(job_id, 5)
            break
        except (RemoteUnavailable, TimeoutError):
            assert time.monotonic() < until
            time.sleep(0.2)


def test_without_a_master_publishing_fails_soon(nodes: Listener, salt_master: SmallSalt) -> None:
    salt_master.processes["master"].kill()
    try:
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(RemoteUnavailable):
                nodes.remote.publish("node1", "ceph.outcome", {}, nodes.remote.new_job_id())
            assert time.monotonic() - began < 30
    finally:
        salt_master.processes["master"].start()
    nodes.heartbeat("node1", lambda h: True, seconds=60, since=nodes.mark())


def test_a_watcher_without_a_master_does_not_toil(nodes: Listener, salt_master: SmallSalt) -> None:
    """What nobody takes is neither fetched nor signed again and again: maps wait until the master is back."""
    until = time.monotonic() + 60
    while True:
        # A job that goes out right after the master's restart may reach nobody.
        try:
            nodes.call("node1", "ceph.watch", patience=5, lease=str(uuid.uuid4()), since={}, seconds=60)
            break
        except (RemoteUnavailable, TimeoutError):
            assert time.monotonic() < until
            time.sleep(0.2)
    before = nodes.heartbeat("node1", lambda h: h.lease is not None, since=nodes.mark())
    salt_master.processes["master"].kill()
    try:
        time.sleep(10)
    finally:
        salt_master.processes["master"].start()
    after = nodes.heartbeat("node1", lambda h: h.boot == before.boot, seconds=60, since=nodes.mark())
    assert after.sequence - before.sequence < 20 * (after.time - before.time)


def test_a_node_that_nobody_knows_is_refused(nodes: Listener) -> None:
    with pytest.raises(RemoteUnavailable, match="does not know the node stranger"):
        nodes.remote.publish("stranger", "ceph.outcome", {}, nodes.remote.new_job_id())


def test_a_node_that_is_a_pattern_is_no_pattern(nodes: Listener) -> None:
    with pytest.raises(RemoteUnavailable):
        nodes.remote.publish("node*", "ceph.outcome", {}, nodes.remote.new_job_id())


def test_a_restarted_minion_goes_on(nodes: Listener, salt_master: SmallSalt) -> None:
    old = nodes.heartbeat("node2", lambda h: True, since=nodes.mark())
    salt_master.processes["node2"].kill()
    salt_master.processes["node2"].start()

    nodes.heartbeat("node2", lambda h: h.boot != old.boot and h.connected, seconds=60)


def test_a_node_may_fetch_its_code_from_the_master(nodes: Listener, salt_master: SmallSalt) -> None:
    """As salt/README.md describes: synced once, and in place when the minion starts."""
    minion = salt_master.processes["node2"]
    file = salt_master.folder / "node2" / "minion"
    options = json.loads(file.read_text())
    local = {"module_dirs", "engines_dirs", "utils_dirs", "whitelist_modules"}
    synced = {name: value for name, value in options.items() if name not in local}
    minion.kill()
    try:
        file.write_text(json.dumps(synced))
        run(str(BIN / "salt-call"), "-c", str(file.parent), "saltutil.sync_all")
        file.write_text(json.dumps(synced | {"whitelist_modules": ["ceph"]}))
        since = nodes.mark()
        minion.start()
        nodes.heartbeat("node2", lambda h: h.connected, seconds=60, since=since)
        result = nodes.call("node2", "ceph.run_command", **order(str(uuid.uuid4()), IN)).result
        assert result is not None
        assert result["outcome"] == "done"
    finally:
        minion.kill()
        file.write_text(json.dumps(options))
        minion.start()
        nodes.heartbeat("node2", lambda h: h.connected, seconds=60, since=nodes.mark())


def test_a_command_under_way_while_the_master_dies_has_an_outcome(nodes: Listener, salt_master: SmallSalt) -> None:
    request_id, job_id = str(uuid.uuid4()), nodes.remote.new_job_id()
    arguments = order(request_id, IN)
    nodes.remote.publish("node1", "ceph.run_command", arguments, job_id)
    time.sleep(0.3)
    restart_master(salt_master)
    nodes.heartbeat("node1", lambda h: True, seconds=60, since=nodes.mark())
    answer = None
    for _ in range(20):
        try:
            answer = nodes.call("node1", "ceph.outcome", patience=5, request_id=request_id, step=0)
            break
        except (RemoteUnavailable, TimeoutError):
            time.sleep(0.2)

    assert answer is not None
    assert answer.result is not None
    assert answer.result["outcome"] == "done"

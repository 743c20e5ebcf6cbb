"""Maps and heartbeats from real watchers, while the cluster changes behind their backs."""

import base64
import itertools
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest

from cthulhu.remote.port import Heartbeat, MapUpdate
from tests.salt.listener import Listener
from tests.salt.processes import wait_for
from tests.salt.small_ceph import MONITORS, SmallCeph

ALL_MAPS = {
    "osd_map", "crush_map", "osd_metadata", "mon_map", "mon_status", "mgr_map", "fs_map", "service_map", "health", "df",
    "pg_summary", "config",
}  # fmt: skip


@pytest.fixture
def lease(nodes: Listener) -> Iterator[str]:
    """A lease on node1 that outlasts the test."""
    name = str(uuid.uuid4())
    assert nodes.call("node1", "ceph.watch", lease=name, since={}, seconds=120).result is not None
    yield name
    # A lease of the past cannot be asked for; one of a moment ends the pushing as well.
    nodes.call("node1", "ceph.watch", lease=str(uuid.uuid4()), since={}, seconds=0.01)


def all_maps_under(nodes: Listener, lease: str) -> dict[str, MapUpdate]:
    """Return the newest of each map, once every one has come."""
    for name in ALL_MAPS:
        nodes.map(name, lambda m: m.lease == lease)
    return maps_under(nodes, lease)


def maps_under(nodes: Listener, lease: str) -> dict[str, MapUpdate]:
    return {e.map: e for e in list(nodes.events) if isinstance(e, MapUpdate) and e.lease == lease}


def test_heartbeats_say_what_is_on_the_node(cluster: SmallCeph, nodes: Listener) -> None:
    heartbeat = nodes.heartbeat("node1", lambda h: len(h.daemons) == 6)

    assert heartbeat.connected
    assert heartbeat.fsid == cluster.fsid
    assert heartbeat.daemons == ("mgr.x", "mon.a", "mon.b", "mon.c", "osd.0", "osd.1")
    assert abs(heartbeat.time - heartbeat.received_at) < 5
    assert nodes.heartbeat("node2", lambda h: h.connected).daemons == ()


def test_heartbeats_come_every_second(nodes: Listener) -> None:
    since = nodes.mark()
    time.sleep(5)
    times = [e.received_at for e in nodes.events[since:] if isinstance(e, Heartbeat) and e.node == "node2"]

    assert 2 <= len(times) <= 8


def test_a_dead_daemon_is_no_longer_named(cluster: SmallCeph, nodes: Listener) -> None:
    cluster.daemons["osd.1"].signal(signal.SIGKILL)
    try:
        since = nodes.mark()
        nodes.heartbeat("node1", lambda h: "osd.1" not in h.daemons, since=since)
    finally:
        cluster.daemons["osd.1"].kill()
        cluster.start_daemon("osd.1")
    nodes.heartbeat("node1", lambda h: "osd.1" in h.daemons, since=nodes.mark())
    wait_for(lambda: cluster.ceph("osd", "stat")["num_up_osds"] == 2, 30, "the OSD")


def test_a_new_lease_gets_every_map_at_once(cluster: SmallCeph, nodes: Listener, lease: str) -> None:
    maps = all_maps_under(nodes, lease)

    assert maps.keys() == ALL_MAPS
    assert maps["osd_map"].version == maps["osd_map"].content["epoch"]
    assert maps["osd_map"].content["fsid"] == cluster.fsid
    assert maps["mon_status"].version == maps["mon_status"].content["election_epoch"]
    assert set(maps["pg_summary"].content) == {"by_osd", "by_pool", "all"}
    assert {m.node for m in maps.values()} == {"node1"}
    assert all(m.fsid == cluster.fsid for m in maps.values())


def test_a_lease_with_known_versions_gets_only_what_differs(nodes: Listener, lease: str) -> None:
    maps = all_maps_under(nodes, lease)
    known = {name: update.version for name, update in maps.items()}
    second = str(uuid.uuid4())
    nodes.call("node1", "ceph.watch", lease=second, since=known | {"mon_map": 0}, seconds=60)
    nodes.map("mon_map", lambda m: m.lease == second)
    time.sleep(1)

    # The cluster may move on meanwhile; what is sent must differ, and what does not differ must not be sent.
    sent = maps_under(nodes, second)
    assert [name for name, update in sent.items() if update.version == known[name]] == ["mon_map"]
    assert {"crush_map", "mgr_map", "fs_map", "config"} - sent.keys()


def test_a_renewal_sends_again_what_was_lost(nodes: Listener, lease: str) -> None:
    all_maps_under(nodes, lease)
    since = nodes.mark()
    nodes.call("node1", "ceph.watch", lease=lease, since={}, seconds=60)

    nodes.map("osd_map", lambda m: m.lease == lease, since=since)


@pytest.mark.usefixtures("lease")
def test_a_change_behind_our_back_is_pushed_at_once(cluster: SmallCeph, nodes: Listener) -> None:
    """Measured from the acknowledgement of the monitor, which comes with the commit, to the whole map on our side."""
    delays = []
    for weight in (0.91, 0.92, 0.93, 0.94, 0.95):
        before = cluster.ceph("osd", "dump")["epoch"]
        cluster.ceph("osd", "reweight", "0", str(weight))
        acknowledged = time.time()
        pushed = nodes.map("osd_map", lambda m, before=before: m.version > before)
        delays.append(pushed.received_at - acknowledged)

    assert pushed.content["osds"][0]["weight"] == pytest.approx(0.95, abs=1e-3)
    # The CLI needs longer to end than the map needs to arrive, so these are lower bounds of the truth.
    assert max(delays) < 5


# Sends a command to the monitors as the bytes given on stdin; the Python binding would insist on text.
SEND_BYTES = """
import ctypes, sys
rados = ctypes.CDLL("librados.so.2")
handle = ctypes.c_void_p()
assert rados.rados_create2(ctypes.byref(handle), b"ceph", b"client.admin", ctypes.c_uint64(0)) == 0
assert rados.rados_conf_read_file(handle, sys.argv[1].encode()) == 0
assert rados.rados_connect(handle) == 0
for command in sys.stdin.buffer.read().splitlines():
    words = (ctypes.c_char_p * 1)(command)
    out, status, size = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_size_t()
    sizes = ctypes.byref(size)
    answer = ctypes.byref(out), sizes, ctypes.byref(status), sizes
    code = rados.rados_mon_command(handle, words, ctypes.c_size_t(1), b"", ctypes.c_size_t(0), *answer)
    assert code == 0, (code, status.value)
"""
ODD_PROFILE = b'"name": "odd\xff\xfe"'
ODD_POOL = b'"pool": "pool\xff\x80"'


def send_bytes(cluster: SmallCeph, *commands: bytes) -> None:
    arguments = ["/usr/bin/python3", "-c", SEND_BYTES, str(cluster.conf)]
    subprocess.run(arguments, input=b"\n".join(commands), check=True, timeout=60)


def test_names_that_are_no_text_break_nothing(cluster: SmallCeph, nodes: Listener, lease: str) -> None:
    """Old clusters hold names that are not UTF-8, and any client with the right to may still set one.

    Ceph's own manager of 16.2 may die of them.
    """
    send_bytes(
        cluster,
        b'{"prefix": "osd erasure-code-profile set", %s, "profile": ["k=2", "m=1", "plugin=jerasure"]}' % ODD_PROFILE,
        b'{"prefix": "osd pool create", %s, "pg_num": 1}' % ODD_POOL,
    )

    def has_odd_pool(update: MapUpdate) -> bool:
        return any(pool["pool_name"].startswith("pool\ufffd") for pool in update.content["pools"])

    try:
        update = nodes.map("osd_map", lambda m: m.lease == lease and has_odd_pool(m))
        assert any(name.startswith("odd\ufffd") for name in update.content["erasure_code_profiles"])
    finally:
        send_bytes(
            cluster,
            b'{"prefix": "osd pool delete", %s, %s, "yes_i_really_really_mean_it": true}'
            % (ODD_POOL, ODD_POOL.replace(b"pool", b"pool2", 1)),
            b'{"prefix": "osd erasure-code-profile rm", %s}' % ODD_PROFILE,
        )
        cluster.daemons["mgr.x"].kill()
        cluster.start_daemon("mgr.x")
    nodes.map("osd_map", lambda m: m.lease == lease and m.version > update.version and not has_odd_pool(m))
    nodes.heartbeat("node1", lambda h: "pg_summary" in h.versions, since=nodes.mark())


def test_a_map_larger_than_a_message_arrives_whole(cluster: SmallCeph, nodes: Listener, lease: str) -> None:
    """Noise does not compress: the map takes several parts."""
    noise = [base64.b64encode(os.urandom(48_000)).decode() for _ in range(12)]
    profile = ["k=2", "m=1", "plugin=jerasure", "crush-failure-domain=osd"]
    for number, text in enumerate(noise):
        cluster.ceph("osd", "erasure-code-profile", "set", f"noise{number}", *profile, f"noise={text}")
    try:
        update = nodes.map("osd_map", lambda m: m.lease == lease and "noise11" in m.content["erasure_code_profiles"])
        profiles = update.content["erasure_code_profiles"]
        assert [profiles[f"noise{number}"]["noise"] for number in range(12)] == noise
        assert sum(map(len, noise)) > 512 * 1024
    finally:
        for number in range(len(noise)):
            cluster.ceph("osd", "erasure-code-profile", "rm", f"noise{number}")


def test_an_expired_lease_ends_the_pushing(cluster: SmallCeph, nodes: Listener) -> None:
    name = str(uuid.uuid4())
    nodes.call("node1", "ceph.watch", lease=name, since={}, seconds=1.0)
    nodes.heartbeat("node1", lambda h: h.lease == name)
    nodes.heartbeat("node1", lambda h: h.lease is None, since=nodes.mark())
    since = nodes.mark()
    cluster.ceph("osd", "reweight", "0", "0.8")
    epoch = cluster.ceph("osd", "dump")["epoch"]

    beat = nodes.heartbeat("node1", lambda h: h.versions.get("osd_map") == epoch, since=since)
    assert beat.lease is None
    assert not [e for e in nodes.events[since:] if isinstance(e, MapUpdate)]


def test_without_a_manager_the_monitors_maps_go_on(cluster: SmallCeph, nodes: Listener, lease: str) -> None:
    """The questions to the manager hang then; they have a connection of their own."""
    all_maps_under(nodes, lease)
    cluster.daemons["mgr.x"].kill()
    try:
        nodes.heartbeat("node1", lambda h: "pg_summary" not in h.versions, seconds=60, since=nodes.mark())
        for weight in ("0.71", "0.72"):
            since = nodes.mark()
            cluster.ceph("osd", "reweight", "1", weight)
            acknowledged = time.time()
            update = nodes.map("osd_map", lambda m: True, since=since)
            assert update.received_at - acknowledged < 5
    finally:
        cluster.start_daemon("mgr.x")
    nodes.heartbeat("node1", lambda h: "pg_summary" in h.versions, seconds=60, since=nodes.mark())


def test_monitors_that_do_not_answer_are_reported(cluster: SmallCeph, nodes: Listener) -> None:
    since = nodes.mark()
    cluster.signal_monitors(signal.SIGSTOP)
    stopped = time.time()
    try:
        lost = nodes.heartbeat("node1", lambda h: not h.connected, since=since)
        time.sleep(3)
        beats = [e for e in nodes.events[since:] if isinstance(e, Heartbeat) and e.node == "node1"]
    finally:
        cluster.signal_monitors(signal.SIGCONT)

    assert lost.received_at - stopped < 15
    assert lost.error
    gaps = [after.received_at - before.received_at for before, after in itertools.pairwise(beats)]
    assert max(gaps) < 2.9, "heartbeats do not wait for monitors"
    back = nodes.heartbeat("node1", lambda h: h.connected, since=nodes.mark())
    assert back.error is None


@pytest.mark.usefixtures("lease")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_monitor_is_left_for_another(cluster: SmallCeph, nodes: Listener, how: signal.Signals) -> None:
    """Each in turn, so that the one the watcher talks to is among them.

    A killed monitor resets its connections, a stopped one does not.
    """
    for number, name in enumerate(MONITORS):
        daemon = cluster.daemons[name]
        daemon.signal(how)
        lost = time.time()
        try:
            since = nodes.mark()
            cluster.ceph("osd", "reweight", "0", f"0.{60 + number}")
            acknowledged = time.time()
            nodes.map("osd_map", lambda m: True, seconds=20, since=since)
            assert time.time() - acknowledged < 20
            nodes.heartbeat("node1", lambda h: h.connected, since=nodes.mark())
        finally:
            if how == signal.SIGKILL:
                daemon.kill()
                cluster.start_daemon(name)
            else:
                daemon.signal(signal.SIGCONT)
        wait_for(lambda: len(cluster.ceph("quorum_status")["quorum"]) == 3, 60, "the quorum")
        print(how, name, "acknowledged after", acknowledged - lost)

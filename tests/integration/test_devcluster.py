"""The development cluster keeps its promises: what dies comes back, and nothing outlives its starter."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configuration.settings import PROJECT_ROOT
from devcluster.client import DevCluster, NotRunning, Refused, StartFailed
from devcluster.process_table import Process, descendants, family, is_running, read
from tests.integration.conftest import environment_of
from tests.integration.product import until

WITHOUT_CALAMARI = "--only=ceph,salt,redis"
DAEMONS = {"mon.a", "mon.b", "mon.c", "mgr.x", "mgr.y", "osd.0", "osd.1", "osd.2"}
MINIONS = {"minion.node1", "minion.node2", "minion.node3"}


def alive(processes: list[Process]) -> list[Process]:
    """Return those that still run."""
    return [process for process in processes if is_running(process)]


def everything_of(cluster: DevCluster) -> list[Process]:
    """Return all processes of a running cluster, guardian and supervisor included."""
    status = cluster.status()
    guardian = read(status["guardian"])
    assert guardian is not None
    return [guardian, *descendants(guardian.pid)]


def rows_of(cluster: DevCluster) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in cluster.status()["programs"]}


def is_healthy(cluster: DevCluster) -> bool:
    stat = cluster.ceph("osd", "stat")
    return bool(len(cluster.ceph("quorum_status")["quorum"]) == 3 and stat["num_up_osds"] == stat["num_osds"] == 3)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevCluster]:
    """A second cluster beside the product's; its home's path is too long for Unix sockets in it."""
    home = tmp_path_factory.mktemp("a-home-with-a-very-long-name-" * 4)
    second = DevCluster(environment_of(home))
    yield second
    second.down()


@pytest.fixture
def running(cluster: DevCluster) -> DevCluster:
    if not cluster.is_running():
        cluster.up(WITHOUT_CALAMARI, tied=True)
    until(lambda: is_healthy(cluster), 60)
    return cluster


def test_status_lists_every_program_and_daemon(devcluster: DevCluster) -> None:
    rows = rows_of(devcluster)
    assert set(rows) == DAEMONS | MINIONS | {"redis", "salt-master", "cthulhu", "worker", "web"}
    for name, row in rows.items():
        assert row["state"] == "running"
        process = read(row["pid"])
        assert process is not None
        assert process.session == process.pid, f"{name} does not lead a session of its own"
    assert rows["osd.1"]["node"] == rows["mon.b"]["node"] == rows["minion.node2"]["node"] == "node2"


def test_every_node_is_a_host_of_its_own(running: DevCluster) -> None:
    hosts = {host["name"]: host["children"] for host in running.ceph("osd", "tree")["nodes"] if host["type"] == "host"}
    assert hosts == {"node1": [0], "node2": [1], "node3": [2]}
    assert {osd["hostname"] for osd in running.ceph("osd", "metadata")} == set(hosts)
    assert [pool["size"] for pool in running.ceph("osd", "dump")["pools"] if pool["pool_name"] == "rbd"] == [3]


def test_ceph_conf_serves_from_anywhere(running: DevCluster, tmp_path: Path) -> None:
    done = subprocess.run(
        ["ceph", "-c", str(running.ceph_conf), "-s"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert running.status()["fsid"] in done.stdout


def test_identities_of_calamari_can_do_no_more_than_they_must(running: DevCluster) -> None:
    node = running.settings.home / "devcluster" / "node1"

    def run_as(name: str, *words: str) -> int:
        identity = ["-n", name, "-k", str(node / f"ceph.{name}.keyring")]
        return subprocess.run(
            ["ceph", "-c", str(node / "ceph.conf"), *identity, *words], capture_output=True, check=False
        ).returncode

    assert run_as("client.calamari", "osd", "dump") == 0
    assert run_as("client.calamari", "osd", "out", "1") == 13
    assert run_as("client.calamari-write", "osd", "out", "1") == 0
    assert run_as("client.calamari-write", "osd", "in", "1") == 0
    assert run_as("client.calamari-write", "osd", "pool", "create", "forbidden") == 13
    assert not list(node.glob("*admin*"))


def killed_guardian(status: dict[str, Any]) -> None:
    os.kill(status["guardian"], signal.SIGKILL)


def killed_supervisor(status: dict[str, Any]) -> None:
    os.kill(status["supervisor"], signal.SIGKILL)


@pytest.mark.parametrize("accident", [killed_guardian, killed_supervisor])
def test_nothing_outlives_its_starter(running: DevCluster, accident: Callable[[dict[str, Any]], None]) -> None:
    processes = everything_of(running)
    assert len(processes) > 20
    accident(running.status())
    until(lambda: not alive(processes), 10)
    until(lambda: not running.is_running(), 5)
    running.up(WITHOUT_CALAMARI, tied=True)
    until(lambda: is_healthy(running), 60)


def test_killed_while_starting_leaves_nothing(cluster: DevCluster) -> None:
    cluster.down()
    starter = subprocess.Popen(
        [sys.executable, "-m", "devcluster", "run", "--quiet", WITHOUT_CALAMARI],
        env=dict(environment_of(cluster.settings.home)),
        cwd=PROJECT_ROOT,
    )
    processes: list[Process] = []

    def has_begun() -> bool:
        processes[:] = descendants(starter.pid)
        return len(processes) > 6

    until(has_begun, 20, pause=0.01)
    starter.kill()
    starter.wait()
    until(lambda: not alive(processes), 10)
    until(lambda: not cluster.is_running(), 5)


def test_next_start_ends_what_two_accidents_left(running: DevCluster) -> None:
    processes = everything_of(running)
    status = running.status()
    # Frozen first, so that neither can mourn the other.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for name in ("supervisor", "guardian"):
            os.kill(status[name], number)
    left = alive(processes)
    assert left, "the accident was to leave something behind"
    running.up(WITHOUT_CALAMARI, tied=True)
    assert not alive(left)
    until(lambda: is_healthy(running), 60)


def test_end_of_make_ends_everything(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "devcluster", "run", "--quiet", "--only=redis", "--parent"]
    shell = subprocess.Popen(
        ["bash", "-c", f"{' '.join(command)} $$; true"], env=dict(environment_of(tmp_path)), cwd=PROJECT_ROOT
    )
    small = DevCluster(environment_of(tmp_path))

    def is_ready() -> bool:
        try:
            return bool(small.status()["ready"])
        except NotRunning:
            return False

    until(is_ready, 20)
    processes = everything_of(small)
    shell.kill()
    shell.wait()
    until(lambda: not alive(processes), 10)


def test_salt_master_is_restarted_as_a_whole(running: DevCluster) -> None:
    before = rows_of(running)["salt-master"]
    old = family(before["pid"])
    assert len(old) > 5
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: not alive(old), 5)
    until(lambda: rows_of(running)["salt-master"]["pid"] not in {None, before["pid"]}, 10)
    row = rows_of(running)["salt-master"]
    assert row["state"] == "running"
    assert row["restarts"] == before["restarts"] + 1
    until(lambda: len(family(row["pid"])) >= len(old), 20)


def test_killed_daemon_stays_down_until_started(running: DevCluster) -> None:
    running.kill("osd.1")
    assert rows_of(running)["osd.1"]["state"] == "killed"
    until(lambda: running.ceph("osd", "stat")["num_up_osds"] == 2, 30)
    running.start("osd.1")
    until(lambda: is_healthy(running), 30)


def test_node_is_broken_and_mended_as_a_whole(running: DevCluster) -> None:
    of_node2 = {"mon.b", "mgr.y", "osd.1", "minion.node2"}
    before = {name: rows_of(running)[name]["pid"] for name in of_node2}
    running.pause("node2")
    states = {process.state for name in of_node2 for process in family(before[name])}
    assert states == {"T"}
    running.resume("node2")
    running.stop("node2")
    rows = rows_of(running)
    assert {name for name, row in rows.items() if row["state"] == "stopped"} == of_node2
    assert all(rows[name]["pid"] is None for name in of_node2)
    running.start("node2")
    until(lambda: is_healthy(running), 60)


def test_stopped_and_frozen_daemon_stops(running: DevCluster) -> None:
    running.pause("mgr.y")
    started = time.monotonic()
    running.stop("mgr.y")
    assert time.monotonic() - started < 8
    running.start("mgr.y")


def test_unknown_names_are_refused(running: DevCluster) -> None:
    with pytest.raises(Refused, match="no program or node osd"):
        running.kill("osd.9")


def test_failed_start_leaves_nothing(cluster: DevCluster) -> None:
    if not cluster.is_running():
        cluster.up(WITHOUT_CALAMARI, tied=True)
    cluster.down()
    port = int(cluster.ceph_conf.read_text().split("[v2:127.0.0.1:")[1].split(",")[0])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        before = {process.pid for process in descendants(os.getpid())}
        with pytest.raises(StartFailed, match=str(port)):
            cluster.up(WITHOUT_CALAMARI, tied=True)
        assert not cluster.is_running()
        left = [process for process in descendants(os.getpid()) if process.pid not in before]
        assert not alive(left)


def test_second_start_in_a_home_is_refused(running: DevCluster) -> None:
    with pytest.raises(StartFailed, match="already running"):
        running.up(WITHOUT_CALAMARI, tied=True)
    assert rows_of(running)["mon.a"]["state"] == "running"


def test_worker_that_consumes_no_more_is_restarted(devcluster: DevCluster) -> None:
    before = rows_of(devcluster)["worker"]
    canary = devcluster.settings.run_dir / "worker-canary"
    until(canary.exists, 30)
    # From outside: the supervisor takes it for a worker that runs.
    for process in family(before["pid"]):
        os.kill(process.pid, signal.SIGSTOP)
    until(lambda: rows_of(devcluster)["worker"]["pid"] not in {None, before["pid"]}, 60)
    restarted = time.time()
    until(lambda: canary.exists() and canary.stat().st_mtime > restarted, 30)

"""The socket: its mode, its life, deadlines, concurrency, and a server that is not there."""

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cthulhu.rpc import protocol
from cthulhu.rpc.client import Client
from cthulhu.rpc.errors import InvalidCall, ServerUnavailable
from cthulhu.rpc.server import AlreadyServing, bind, serve
from cthulhu.rpc.types import Caller

CALLER = Caller(username="admin")


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "the condition did not come true"
        time.sleep(0.005)


def post(path: Path, **request) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        return client.request(**({"method": "POST", "url": "http://cthulhu/"} | request))


def test_the_socket_is_for_user_and_group_and_gone_after(service, socket_path):
    with serve(service, socket_path):
        mode = socket_path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o660
        assert list(socket_path.parent.iterdir()) == [socket_path]
    assert list(socket_path.parent.iterdir()) == []


def test_a_dead_servers_socket_is_replaced(service, socket_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path))
    with serve(service, socket_path):
        assert Client.unix(socket_path).hello().generation == "first"


def test_a_living_servers_socket_is_left_alone(service, socket_path):
    with serve(service, socket_path):
        with pytest.raises(AlreadyServing), serve(service, socket_path):
            pytest.fail("a second server started")
        assert Client.unix(socket_path).hello().generation == "first"


def test_a_successors_socket_is_left_alone(service, socket_path):
    with serve(service, socket_path):
        socket_path.unlink()
        successor = bind(socket_path)
    assert socket_path.is_socket()
    successor.close()


def test_nobody_there_is_told_at_once(socket_path):
    started = time.monotonic()
    with pytest.raises(ServerUnavailable) as caught:
        Client.unix(socket_path).hello()
    assert caught.value.data["sent"] is False
    assert time.monotonic() - started < 1


def test_a_client_finds_the_server_that_comes_back(service, socket_path):
    client = Client.unix(socket_path)
    with serve(service, socket_path):
        client.hello()
    with pytest.raises(ServerUnavailable):
        client.hello()
    with serve(service, socket_path):
        client.hello()
    client.close()


def test_a_call_that_hangs_ends_at_its_deadline_and_holds_up_nobody(service, socket_path):
    with serve(service, socket_path):
        impatient, other = Client.unix(socket_path, deadline=0.3), Client.unix(socket_path)
        started = time.monotonic()
        with pytest.raises(ServerUnavailable) as caught:
            impatient.apply("f", "osd", 1, "scrub", CALLER)
        assert 0.25 < time.monotonic() - started < 2
        assert caught.value.data["sent"] is True
        started = time.monotonic()
        other.hello()
        assert time.monotonic() - started < 0.25
        service.release.set()


def test_the_server_keeps_the_deadline_even_if_the_client_waits_longer(service, socket_path):
    with serve(service, socket_path):
        parameters = {"fsid": "f", "object_type": "osd", "object_id": "1", "command": "scrub", "caller": CALLER}
        body = protocol.encode_call("apply", parameters, 1)
        response = post(socket_path, content=body, headers={protocol.DEADLINE_HEADER: "0.2"}, timeout=5)
        assert response.json()["error"]["code"] == ServerUnavailable.code
        service.release.set()


def test_calls_beyond_the_threads_are_never_run_late(service, socket_path):
    with serve(service, socket_path):

        def hang() -> None:
            with pytest.raises(ServerUnavailable):
                Client.unix(socket_path, deadline=0.5).apply("f", "osd", 1, "scrub", CALLER)

        callers = [threading.Thread(target=hang) for _ in range(24)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        begun = service.calls.count(("apply", "scrub"))
        service.release.set()
        eventually(lambda: service.calls.count(("applied", "scrub")) == begun)
        assert 0 < begun == service.calls.count(("apply", "scrub")) <= 16
        Client.unix(socket_path).hello()


def test_many_threads_share_one_client(service, socket_path):
    with serve(service, socket_path):
        client = Client.unix(socket_path)
        wrong = []

        def ask(number: int) -> None:
            for turn in range(20):
                answer = client.list(f"{number}-{turn}", "osd")
                if answer.fsid != f"{number}-{turn}":
                    wrong.append(answer)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(service.calls) == 160
        client.close()


def test_a_forked_child_uses_connections_of_its_own(service, socket_path):
    with serve(service, socket_path):
        client = Client.unix(socket_path)
        client.hello()
        child = os.fork()
        if child == 0:
            os._exit(0 if client.list("child", "osd").fsid == "child" else 1)
        assert client.list("parent", "osd").fsid == "parent"
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        client.close()


def test_a_stopped_server_process_costs_the_deadline_only(service, socket_path):
    child = os.fork()
    if child == 0:
        with serve(service, socket_path):
            time.sleep(30)
        os._exit(0)
    try:
        eventually(socket_path.exists)
        client = Client.unix(socket_path, deadline=0.4)
        eventually(lambda: client.hello().pid == 1)
        os.kill(child, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(ServerUnavailable) as caught:
            client.hello()
        assert caught.value.data["sent"] is True
        assert time.monotonic() - started < 1.5
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with pytest.raises(ServerUnavailable):
        client.hello()


def test_large_calls_are_refused(service, socket_path):
    with serve(service, socket_path):
        large = post(socket_path, content=b" " * (protocol.LARGEST_CALL + 1))
        assert (large.status_code, large.json()["error"]["code"]) == (413, InvalidCall.code)
        with pytest.raises(InvalidCall):
            Client.unix(socket_path).update("f", "osd", 1, {"in": "x" * protocol.LARGEST_CALL}, CALLER)


def test_only_post_is_served(service, socket_path):
    with serve(service, socket_path):
        assert post(socket_path, method="GET").status_code == 405


@pytest.mark.parametrize("header", ["nan", "inf", "-1", "x", "1e99", ""])
def test_no_deadline_header_stops_the_server(service, socket_path, header):
    with serve(service, socket_path):
        body = protocol.encode_call("hello", {}, 1)
        response = post(socket_path, content=body, headers={protocol.DEADLINE_HEADER: header})
        assert response.status_code == 200
        assert set(response.json()) >= {"jsonrpc", "id"}
        assert Client.unix(socket_path).hello().pid == 1

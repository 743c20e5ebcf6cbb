"""The whole edge with a real cthulhu behind it, in one process: recorded maps, the local RPC transport, no broker."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.credentials import failures
from accounts.models import Role, User
from calamari_rest import backend, snapshots
from calamari_rest.backend import Backend
from calamari_rest.views import osd as osd_views
from configuration import Settings
from cthulhu.monitor import service
from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.monitor.publisher import VectorPublisher
from cthulhu.monitor.relay import Relay
from cthulhu.monitor.service import Service
from cthulhu.rpc.client import Client
from cthulhu.rpc.errors import ServerUnavailable
from cthulhu.rpc.version_vector import VersionVectorReader, VersionVectorWriter
from tests.monitor.played_nodes import Nodes, RecordingRemote, recorded

FSID = recorded("osd_map")["fsid"]
API = "/api/v2"
CLUSTER = f"{API}/cluster/{FSID}"
# Long enough for a test on a busy machine.
CONTACT_TIMEOUT = 30.0
PASSWORD = "correct horse battery"


class Disconnected:
    """The transport to a cthulhu that is gone."""

    def send(self, body: bytes, seconds: float, correlation_id: str) -> bytes:
        raise ServerUnavailable("nobody listens", sent=False)

    def close(self) -> None:
        """Nothing is held open."""


@dataclass
class Cthulhu:
    """cthulhu as the edge sees it, with the switches that tests need."""

    monitor: ClusterMonitor
    nodes: Nodes
    vector: VersionVectorWriter
    install: Callable[[Client], None]
    generation: str = "generation"

    @property
    def clusters(self) -> dict[str, ClusterMonitor]:
        return {self.monitor.fsid: self.monitor}

    def die(self) -> None:
        """Stop answering, with the last heartbeat long ago."""
        self.install(Client(Disconnected()))
        self.vector.beat(time.time() - 10 * CONTACT_TIMEOUT)

    def live(self) -> None:
        """Hear from the nodes again, for tests that take long."""
        self.nodes.heartbeat("node1")
        self.nodes.heartbeat("node2")

    def store(self) -> None:
        """Write the rows to SQL, as cthulhu does every few seconds."""
        self.monitor._snapshot_store.store_changes(
            self.monitor.state.rows_to_store(), self.monitor.state.objects_to_store(), time.time()
        )


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget what a web process remembers."""
    caches = (snapshots._snapshots, osd_views.implemented_commands)
    for cache in caches:
        cache.cache_clear()
    failures.clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture
def cthulhu(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cthulhu:
    """A cthulhu that knows the recorded cluster and is in contact with it."""
    # The service runs in the thread, and so on the connection, of the test's own transaction.
    monkeypatch.setattr(service, "close_old_connections", lambda: None)
    writer = VersionVectorWriter(tmp_path / "versions")
    remote = RecordingRemote()
    monitor = ClusterMonitor(
        FSID,
        "ceph",
        settings=Settings(contact_timeout=CONTACT_TIMEOUT),
        remote=remote,
        publisher=VectorPublisher(writer, Cthulhu.generation),
        relay=Relay("redis://127.0.0.1:1", 100),
    )
    present = Backend(
        Client(Disconnected()), VersionVectorReader(tmp_path / "versions"), contact_timeout=CONTACT_TIMEOUT
    )

    def install(client: Client) -> None:
        replaced = replace(present, client=client)
        monkeypatch.setattr(backend, "current", lambda: replaced)

    cthulhu = Cthulhu(monitor, Nodes(monitor, remote, FSID), writer, install)
    install(Client.local(Service(cthulhu)))
    monitor.restore()
    cthulhu.nodes.heartbeat("node1")
    cthulhu.nodes.heartbeat("node2")
    for name, version in (
        ("crush_map", "c"),
        ("osd_metadata", "m"),
        ("mon_map", recorded("mon_map")["epoch"]),
        ("mon_status", recorded("mon_status")["election_epoch"]),
        ("health", "h"),
    ):
        cthulhu.nodes.push(name, recorded(name), version)
    cthulhu.nodes.push_osd_map(up=1, **{"in": 1}, weight=1.0)
    return cthulhu


def account(role: Role) -> User:
    return User.objects.create_user(role.value, PASSWORD, role)


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient(enforce_csrf_checks=True)


def client_of(role: Role) -> APIClient:
    """Return a client that holds a real token of a new account."""
    account(role)
    client = APIClient(enforce_csrf_checks=True)
    answer = client.post(f"{API}/auth/token", {"username": role.value, "password": PASSWORD})
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    return client


@pytest.fixture
def operator(cthulhu: Cthulhu) -> APIClient:
    return client_of(Role.OPERATOR)


@pytest.fixture
def reader(cthulhu: Cthulhu) -> APIClient:
    return client_of(Role.READONLY)


@pytest.fixture
def async_run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Return a function that runs coroutines in an event loop of their own."""
    with asyncio.Runner() as runner:
        yield runner.run

"""A small service with every kind of method, and clients of it over both transports."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from cthulhu.rpc import dispatcher
from cthulhu.rpc.client import Client
from cthulhu.rpc.errors import Conflict
from cthulhu.rpc.protocol import rpc_method
from cthulhu.rpc.server import serve
from cthulhu.rpc.types import Accepted, Caller, Hello, Snapshot

ROWS = [{"id": 0, "in": True}, {"id": 1, "in": False}]


class Service:
    """Keeps what it was called with, in `calls`, and what it could see of the call, in `contexts`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.contexts: list[dict[str, Any]] = []
        self.release = threading.Event()

    @rpc_method
    def hello(self) -> Hello:
        self.contexts.append(structlog.contextvars.get_contextvars() | {"remaining": dispatcher.remaining_time()})
        return Hello(generation="first", pid=1)

    @rpc_method
    def list_clusters(self) -> list[dict[str, Any]]:
        return [{"id": "f"}]

    @rpc_method
    def list(self, fsid: str, object_type: str, known: str | None = None) -> Snapshot:
        self.calls.append(("list", fsid, object_type, known))
        unchanged = known == "v1"
        content = None if unchanged else orjson.Fragment(orjson.dumps(ROWS))
        return Snapshot(fsid=fsid, name=object_type, version="v1", updated_at=1.5, unchanged=unchanged, content=content)

    @rpc_method
    def update(
        self, fsid: str, object_type: str, object_id: str, attributes: dict[str, Any], caller: Caller
    ) -> Accepted:
        self.calls.append(("update", fsid, object_type, object_id, attributes, caller))
        return Accepted(request_id="r1")

    @rpc_method
    def cancel_request(self, request_id: str, caller: Caller) -> str:
        raise Conflict("It is complete", request_id=request_id, by=caller)

    @rpc_method
    def valid_commands(self, fsid: str, object_type: str, object_id: str) -> "list[str]":
        raise RuntimeError(f"secret of {fsid} {object_type} {object_id}")

    @rpc_method
    def implemented_commands(self, object_type: str) -> Any:
        return {"not": "a list", "of": object_type}

    @rpc_method
    def apply(self, fsid: str, object_type: str, object_id: str, command: str, caller: Caller) -> Accepted:
        """Hang until the test releases it."""
        self.calls.append(("apply", command))
        self.release.wait(10)
        self.calls.append(("applied", command))
        return Accepted(request_id=None)

    @rpc_method
    def get_sync_object(self, fsid: str, name: str, known: str | None = None) -> Any:
        return object()

    def list_sync_objects(self, fsid: str) -> "list[str]":
        """Not marked, so not to be called."""
        self.calls.append(("list_sync_objects", fsid))
        return []


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.release.set()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "cthulhu.sock"


@pytest.fixture(params=["unix", "local"])
def client(request: pytest.FixtureRequest, service: Service, socket_path: Path) -> Iterator[Client]:
    if request.param == "local":
        yield Client.local(service)
        return
    with serve(service, socket_path):
        client = Client.unix(socket_path)
        yield client
        client.close()

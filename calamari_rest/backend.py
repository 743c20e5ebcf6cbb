"""What the edge knows of cthulhu: the RPC client and the version vector, one of each per process."""

import time
from dataclasses import dataclass
from functools import cache

from rest_framework.request import Request

from calamari_rest import correlation
from configuration import settings
from cthulhu.rpc.client import Client
from cthulhu.rpc.errors import RpcError, ServerUnavailable
from cthulhu.rpc.types import Caller, VersionState
from cthulhu.rpc.version_vector import VersionVectorReader


@dataclass(frozen=True)
class Backend:
    """The way to cthulhu. `contact_timeout` (seconds) is the age of its heartbeat from which on it counts as dead."""

    client: Client
    vector: VersionVectorReader
    contact_timeout: float

    def state(self) -> VersionState | None:
        """Return what cthulhu published last, None if it never did."""
        return self.vector.read()

    def is_alive(self, state: VersionState | None, now: float) -> bool:
        """Tell from its heartbeat, without asking it, whether cthulhu lives."""
        return state is not None and now - state.heartbeat <= self.contact_timeout

    def answers(self) -> bool:
        """Tell by asking it whether cthulhu answers now; its last heartbeat outlives it by some seconds."""
        try:
            self.client.hello()
        except RpcError:
            return False
        return True

    def for_change(self) -> Client:
        """Return the client for a call that changes something.

        Raises:
            ServerUnavailable: cthulhu is dead or hangs; found out without waiting for it.
        """
        if not self.is_alive(self.state(), time.time()):
            raise ServerUnavailable("The heartbeat is too old.", sent=False)
        return self.client


@cache
def current() -> Backend:
    """Return this process's way to cthulhu."""
    here = settings()
    return Backend(
        client=Client.unix(here.rpc_socket, deadline=here.contact_timeout),
        vector=VersionVectorReader(here.version_vector),
        contact_timeout=here.contact_timeout,
    )


def caller_of(request: Request) -> Caller:
    """Return who asks, as it is kept with the change."""
    return Caller(
        username=request.user.get_username(),
        correlation_id=correlation.current(),
        address=request.META.get("REMOTE_ADDR", ""),
    )

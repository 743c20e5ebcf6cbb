"""How an encoded call reaches cthulhu and its answer comes back. `cthulhu.rpc.client` knows only the port `Transport`.

`UnixTransport` is the real one. `LocalTransport` runs the service in the caller's thread, through the same encoding,
so that tests of the client's users see what they would see over the wire.
"""

import os
import time
from pathlib import Path
from typing import Protocol

import httpx

from cthulhu.rpc import protocol
from cthulhu.rpc.dispatcher import Dispatcher
from cthulhu.rpc.errors import ServerUnavailable

# On a Unix socket nobody looks at the host part, but HTTP demands one.
_URL = "http://cthulhu/"
# Idle connections are dropped by the client, and well before the server would: a connection is never closed by the
# server at the very moment when a call is sent on it.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=16, keepalive_expiry=60.0)


class Transport(Protocol):
    """Carries one call. Safe to use from several threads, and in a process forked from the one that made it."""

    def send(self, body: bytes, seconds: float, correlation_id: str) -> bytes:
        """Return the body of the answer to `body`, waiting for it for about `seconds`.

        Raises:
            ServerUnavailable: nobody answers, or not in time; `data["sent"]` is False when the call surely never ran.
        """

    def close(self) -> None:
        """Let go of what the transport holds open; a later `send` opens it anew."""


class UnixTransport:
    """HTTP over cthulhu's Unix socket, on connections that are kept and reused within one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner: tuple[int, httpx.Client] | None = None

    def send(self, body: bytes, seconds: float, correlation_id: str) -> bytes:
        """Carry one call; see `Transport`."""
        headers = {
            "content-type": "application/json",
            protocol.DEADLINE_HEADER: f"{seconds:.3f}",
            protocol.CORRELATION_HEADER: correlation_id,
        }
        try:
            return self._client().post(_URL, content=body, headers=headers, timeout=seconds).content
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ServerUnavailable(f"cthulhu does not answer: {error}", sent=False) from error
        except httpx.TimeoutException as error:
            raise ServerUnavailable(f"cthulhu did not answer within {seconds:g} s", sent=True) from error
        except httpx.TransportError as error:
            raise ServerUnavailable(f"cthulhu went away during the call: {error}", sent=True) from error

    def close(self) -> None:
        """Close the idle connections of this process."""
        owner, self._owner = self._owner, None
        if owner is not None and owner[0] == os.getpid():
            owner[1].close()

    def _client(self) -> httpx.Client:
        # A forked child would write into its parent's connections, so it makes its own client. Two threads that do so
        # at once each get a working one, of which one is kept.
        owner = self._owner
        if owner is None or owner[0] != os.getpid():
            client = httpx.Client(transport=httpx.HTTPTransport(uds=str(self._path), limits=_LIMITS), trust_env=False)
            owner = self._owner = (os.getpid(), client)
        return owner[1]


class LocalTransport:
    """Runs the calls on a service object in the thread that makes them; the deadline is told, not enforced."""

    def __init__(self, service: object) -> None:
        self._dispatcher = Dispatcher(service)

    def send(self, body: bytes, seconds: float, correlation_id: str) -> bytes:
        """Carry one call; see `Transport`."""
        return self._dispatcher.answer(body, time.monotonic() + seconds, correlation_id)

    def close(self) -> None:
        """Nothing is held open."""

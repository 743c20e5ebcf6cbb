"""The server end of the RPC: carries calls from the socket to the methods of one service object.

`cthulhu.monitor` gives the service; `cthulhu.rpc.dispatcher` runs its methods, which are plain synchronous functions,
in a pool of threads, so that a slow one does not hold up the others.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from cthulhu.rpc import protocol
from cthulhu.rpc.dispatcher import Dispatcher
from cthulhu.rpc.errors import InvalidCall, ServerUnavailable

log = structlog.get_logger(__name__)

DEFAULT_DEADLINE = 5.0
LONGEST_DEADLINE = 60.0
THREADS = 16
SOCKET_MODE = 0o660
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0
# Longer than any client keeps an idle connection, so that the server never closes one that is about to be used.
KEEP_ALIVE = 3600
LONGEST_CORRELATION_ID = 128

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Application:
    """The ASGI application: one URL, POST only. It bounds the body, keeps the deadline, and leaves the rest to threads.

    A call that outlasts its deadline is answered with `ServerUnavailable`; its thread cannot be stopped and goes on.
    """

    def __init__(self, dispatcher: Dispatcher, threads: ThreadPoolExecutor) -> None:
        self._dispatcher = dispatcher
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["type"] != "http":
            return
        if scope["method"] != "POST":
            await _respond(send, 405, b'{"detail": "POST a JSON-RPC 2.0 call"}')
            return
        body = await _body(receive)
        if body is None:
            error = InvalidCall(f"A call holds at most {protocol.LARGEST_CALL} bytes")
            await _respond(send, 413, protocol.encode_error(error, None))
            return
        await _respond(send, 200, await self._answer(body, dict(scope["headers"])))

    async def _answer(self, body: bytes, headers: dict[bytes, bytes]) -> bytes:
        seconds = _seconds(headers.get(protocol.DEADLINE_HEADER.encode()))
        correlation_id = headers.get(protocol.CORRELATION_HEADER.encode(), b"").decode("latin-1")
        running = asyncio.get_running_loop().run_in_executor(
            self._threads,
            self._dispatcher.answer,
            body,
            time.monotonic() + seconds,
            correlation_id[:LONGEST_CORRELATION_ID],
        )
        done, _ = await asyncio.wait({running}, timeout=seconds)
        if done:
            return running.result()
        log.warning("RPC call outlasted its deadline", seconds=seconds, correlation_id=correlation_id)
        return protocol.encode_error(ServerUnavailable(f"No answer within {seconds:g} s", sent=True), None)


async def _body(receive: Receive) -> bytes | None:
    """Return the request's body, or None as soon as it is too large."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > protocol.LARGEST_CALL:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _seconds(header: bytes | None) -> float:
    """Return the deadline that a client's header names, within bounds; NaN and nonsense become the default."""
    try:
        seconds = float(header or b"")
    except ValueError:
        return DEFAULT_DEADLINE
    return min(max(seconds, 0.0), LONGEST_DEADLINE) if seconds == seconds else DEFAULT_DEADLINE  # noqa: PLR0124


class AlreadyServing(RuntimeError):
    """Another process answers on the socket."""


def bind(path: Path) -> socket.socket:
    """Return a listening Unix socket at `path`, with mode 0660; one that a dead server left there is replaced.

    Raises:
        AlreadyServing: somebody answers there.
        OSError: the folder is missing or not writable, or the path is longer than a socket's may be.
    """
    if _answers(path):
        raise AlreadyServing(f"Another process answers on {path}")
    # Bound aside and moved into place: the socket is never there with the wrong mode, nor there and not listening.
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(aside))
        aside.chmod(SOCKET_MODE)
        listener.listen(128)
        aside.rename(path)
    except OSError:
        listener.close()
        aside.unlink(missing_ok=True)
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:
            return True
        return True


class Server:
    """Serves one object's methods on one Unix socket, in a thread of its own or in the calling one.

    `start` returns once calls are accepted; after `stop` the socket is gone. A server is used once.
    """

    def __init__(self, service: object, socket_path: Path) -> None:
        self._path = socket_path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="rpc")
        application = Application(Dispatcher(service), self._threads)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                application,
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=int(STOP_TIMEOUT),
            )
        )
        self._thread: threading.Thread | None = None
        self._inode = 0

    def start(self) -> None:
        """Serve in a thread from now on.

        Raises:
            AlreadyServing, OSError: as `bind`.
            RuntimeError: the server did not come up.
        """
        listener = bind(self._path)
        self._inode = self._path.stat().st_ino
        self._thread = threading.Thread(target=self._uvicorn.run, args=([listener],), name="rpc-server", daemon=True)
        self._thread.start()
        give_up = time.monotonic() + START_TIMEOUT
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > give_up:
                self.stop()
                raise RuntimeError("The RPC server did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """End the thread, letting calls that are running finish for a few seconds, and remove the socket."""
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join(2 * STOP_TIMEOUT)
        with suppress(FileNotFoundError):
            # A successor may have put its own socket at the same path.
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._threads.shutdown(wait=False, cancel_futures=True)


@contextmanager
def serve(service: object, socket_path: Path) -> Iterator[Server]:
    """Serve `service` for as long as the `with` block runs.

    Raises:
        AlreadyServing, OSError: as `bind`.
    """
    server = Server(service, socket_path)
    server.start()
    try:
        yield server
    finally:
        server.stop()

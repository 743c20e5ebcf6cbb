"""The live stream: one reader of cthulhu's Redis stream per web process, fanned out to all its subscribers.

A notice says that something moved, never what it is now; whoever may have missed one gets `reset` and fetches anew.
So Redis may lose everything at any time, and a subscriber that cannot keep up is dropped: it comes back with the id of
the last event it saw (`generation-streamid`) and goes on from there, or starts with `reset`.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary, WeakSet

import orjson
import redis.asyncio
import structlog
from redis.exceptions import RedisError

from calamari_rest.exceptions import StreamFull
from configuration import settings

log = structlog.get_logger(__name__)

STREAM = "calamari:notices"
GENERATION = "calamari:generation"

MOST_SUBSCRIBERS = 200
# Notices one subscriber may lag behind.
LONGEST_QUEUE = 1000
READ_BATCH = 500
BLOCK_MILLISECONDS = 1000
RETRY_SECONDS = 0.5
HEARTBEAT_SECONDS = 10.0
# Time a subscriber that was dropped has to take what is already on its way to it.
DROP_SECONDS = 5.0

UNREACHABLE = (RedisError, OSError, asyncio.TimeoutError)
StreamId = tuple[int, int]


@dataclass(frozen=True)
class Notice:
    """One event for subscribers. `generation` None: it has no place in the stream, and no id."""

    kind: str
    data: bytes
    generation: str | None = None
    position: StreamId = (0, 0)

    def encoded(self) -> bytes:
        """Return the event in the format of text/event-stream (HTML standard, 9.2)."""
        identity = b""
        if self.generation is not None:
            identity = f"id: {self.generation}-{self.position[0]}-{self.position[1]}\n".encode()
        return identity + b"event: " + self.kind.encode() + b"\ndata: " + self.data + b"\n\n"


RESET = Notice("reset", b"{}")


@dataclass(eq=False)
class Subscriber:
    """One client's queue and its place among those that may be. Once `dropped`, nothing more is put into it."""

    queue: asyncio.Queue[Notice] = field(default_factory=lambda: asyncio.Queue(LONGEST_QUEUE))
    task: asyncio.Task[None] | None = None
    dropped: bool = False

    def put(self, notice: Notice) -> None:
        """Queue a notice, or drop the subscriber when it lags too far behind."""
        if self.dropped:
            return
        try:
            self.queue.put_nowait(notice)
        except asyncio.QueueFull:
            self.dropped = True
            log.warning("subscriber dropped, too slow")
            if self.task is not None:
                asyncio.get_running_loop().call_later(DROP_SECONDS, self.task.cancel)


# Weak: whatever becomes of a request, its place is free again when nothing refers to the subscriber any more.
_admitted: WeakSet[Subscriber] = WeakSet()
_admission = threading.Lock()


def admit() -> Subscriber:
    """Return a new subscriber; called from any thread.

    Raises:
        StreamFull: there are as many as there may be.
    """
    with _admission:
        if len(_admitted) >= MOST_SUBSCRIBERS:
            raise StreamFull(f"The stream already serves {MOST_SUBSCRIBERS} clients.")
        subscriber = Subscriber()
        _admitted.add(subscriber)
        return subscriber


class Hub:
    """The reader and its subscribers; lives in one event loop. It reads while there are subscribers."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._subscribers: set[Subscriber] = set()
        self._reader: asyncio.Task[None] | None = None
        self._generation: str | None = None
        self._position: StreamId | None = None

    async def events(self, subscriber: Subscriber, last_event_id: str) -> AsyncGenerator[bytes, None]:
        """Yield the stream to a subscriber: what it missed, or `reset`; `ready`; then what happens, for ever."""
        subscriber.task = asyncio.current_task()
        self._subscribers.add(subscriber)
        try:
            self._keep_reading()
            sent: StreamId = (0, 0)
            async for notice in self._beginning(last_event_id):
                sent = max(sent, notice.position)
                yield notice.encoded()
            _stop_if_canceled()
            while not (subscriber.dropped and subscriber.queue.empty()):
                try:
                    notice = await asyncio.wait_for(subscriber.queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    self._keep_reading()
                    yield b": heartbeat\n\n"
                    continue
                if notice.generation is None or notice.position > sent:
                    yield notice.encoded()
        finally:
            self._subscribers.discard(subscriber)
            with _admission:
                _admitted.discard(subscriber)

    async def _beginning(self, last_event_id: str) -> AsyncIterator[Notice]:
        """Yield what a new subscriber gets first; it is already queueing what happens meanwhile."""
        client = self._connect()
        try:
            generation, last = await self._end(client)
            if last_event_id:
                position = _parse(last_event_id, generation)
                if position is None or position > last or not await self._reaches_back_to(client, position):
                    yield RESET
                else:
                    async for notice in self._between(client, generation or "", position, last):
                        yield notice
            yield Notice("ready", b"{}", generation, last)
        except UNREACHABLE as error:
            log.warning("stream out of reach", error=str(error))
            if last_event_id:
                yield RESET
            yield Notice("ready", b"{}")
        finally:
            with suppress(*UNREACHABLE):
                await client.aclose()

    async def _end(self, client: redis.asyncio.Redis) -> tuple[str | None, StreamId]:
        generation = await client.get(GENERATION)
        newest = await client.xrevrange(STREAM, count=1)
        return _text(generation), _stream_id(newest[0][0]) if newest else (0, 0)

    async def _reaches_back_to(self, client: redis.asyncio.Redis, position: StreamId) -> bool:
        oldest = await client.xrange(STREAM, count=1)
        return bool(oldest) and _stream_id(oldest[0][0]) <= position

    async def _between(
        self, client: redis.asyncio.Redis, generation: str, after: StreamId, last: StreamId
    ) -> AsyncIterator[Notice]:
        while after < last:
            entries = await client.xrange(STREAM, min=f"({_wire(after)}", max=_wire(last), count=READ_BATCH)
            if not entries:
                return
            for identity, fields in entries:
                after = _stream_id(identity)
                yield _notice(generation, after, fields)

    # -- The reader ---------------------------------------------------------------------------------------------------

    def _keep_reading(self) -> None:
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        # The position is kept through outages, so that nothing is missed if Redis has kept the stream.
        self._generation, self._position = None, None
        while self._subscribers:
            _stop_if_canceled()
            client = self._connect()
            try:
                await self._read_from(client)
            except UNREACHABLE as error:
                log.warning("stream out of reach", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("reading the stream failed")
                await asyncio.sleep(RETRY_SECONDS)
            finally:
                with suppress(*UNREACHABLE):
                    await client.aclose()

    async def _read_from(self, client: redis.asyncio.Redis) -> None:
        await self._resume(client)
        while self._subscribers:
            assert self._position is not None  # noqa: S101  (set by _resume)
            found = await client.xread({STREAM: _wire(self._position)}, count=READ_BATCH, block=BLOCK_MILLISECONDS)
            generation = _text(await client.get(GENERATION))
            _stop_if_canceled()
            if generation != self._generation and self._generation is not None:
                # Redis lost all it had; what it holds now, if anything, is read from its beginning.
                self._broadcast(RESET)
                self._generation, self._position = generation, (0, 0)
                continue
            self._generation = generation
            for identity, fields in found[0][1] if found else []:
                self._position = _stream_id(identity)
                self._broadcast(_notice(generation or "", self._position, fields))

    async def _resume(self, client: redis.asyncio.Redis) -> None:
        """Find the place to read on from, after a start or an outage."""
        generation, last = await self._end(client)
        known = self._position
        if known is None:
            self._position = last
        elif generation != self._generation or (known != last and not await self._reaches_back_to(client, known)):
            self._broadcast(RESET)
            self._position = last
        self._generation = generation

    def _broadcast(self, notice: Notice) -> None:
        for subscriber in self._subscribers:
            subscriber.put(notice)

    def _connect(self) -> redis.asyncio.Redis:
        return redis.asyncio.Redis.from_url(
            self._redis_url, socket_connect_timeout=2, socket_timeout=2 + BLOCK_MILLISECONDS / 1000
        )


def _stop_if_canceled() -> None:
    """Raise the cancellation that redis-py swallows when it comes while a connection is being made."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(settings().redis_url)
    return _hubs[loop]


def _parse(event_id: str, generation: str | None) -> StreamId | None:
    """Return the position of an event id of this generation, None for any other text."""
    parts = event_id.split("-")
    if len(parts) != 3 or parts[0] != generation:  # noqa: PLR2004  (generation and the two halves of a stream id)
        return None
    if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts[1:]):  # noqa: PLR2004
        return None
    return int(parts[1]), int(parts[2])


def _notice(generation: str, position: StreamId, fields: dict[bytes, bytes]) -> Notice:
    data = fields.get(b"data", b"{}")
    try:
        content = orjson.loads(data)
        kind = str(content.get("type", "event")) if isinstance(content, dict) else "event"
    except orjson.JSONDecodeError:
        return Notice("event", b"{}", generation, position)
    return Notice(kind if kind.isalnum() else "event", orjson.dumps(content), generation, position)


def _stream_id(identity: bytes) -> StreamId:
    first, _, second = identity.decode().partition("-")
    return int(first), int(second or 0)


def _wire(position: StreamId) -> str:
    return f"{position[0]}-{position[1]}"


def _text(value: bytes | None) -> str | None:
    return value.decode("ascii", "replace") if value is not None else None

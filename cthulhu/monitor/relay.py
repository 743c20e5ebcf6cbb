"""The way from the outbox to the live stream: one capped Redis stream that every web process reads.

Notices are small and carry no state: what was missed is fetched again. Event rows wait, unrelayed, while Redis is away;
version notices are simply dropped then, because a client that reconnects refetches anyway.
"""

import threading
import time
import uuid
from collections import deque
from typing import Any

import orjson
import redis
import structlog
from django.db import close_old_connections

from cthulhu.persistence.models import Event

log = structlog.get_logger(__name__)

STREAM = "calamari:notices"
GENERATION = "calamari:generation"
BATCH = 500
MOST_VERSION_NOTICES = 10_000
# Other processes write events, too, and cannot wake us.
POLL_PERIOD = 0.2
RETRY_PERIOD = 1.0


class Relay:
    """One thread. Event rows are marked as relayed after Redis took them: a crash between repeats a notice."""

    def __init__(self, redis_url: str, stream_length: int) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=2)
        self._stream_length = stream_length
        self._versions: deque[dict[str, Any]] = deque(maxlen=MOST_VERSION_NOTICES)
        self._wake = threading.Event()

    def version_moved(self, fsid: str, name: str, version: str) -> None:
        """Announce that an object type of a cluster has a new version; the vector already shows it."""
        self._versions.append({"type": "version", "fsid": fsid, "object": name, "version": version})
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        """Relay until told to stop."""
        while not stopping.is_set():
            self._wake.wait(POLL_PERIOD)
            self._wake.clear()
            try:
                close_old_connections()
                while self._relay_batch():
                    pass
            except redis.RedisError as error:
                log.warning("stream out of reach", error=str(error))
                stopping.wait(RETRY_PERIOD)
            except Exception:
                log.exception("relaying failed")
                stopping.wait(RETRY_PERIOD)

    def _relay_batch(self) -> bool:
        """Send what waits; tell whether more event rows may be waiting."""
        events = list(Event.objects.filter(relayed=False).order_by("id")[:BATCH])
        notices = [self._versions.popleft() for _ in range(len(self._versions))]
        if not events and not notices:
            return False
        pipeline = self._redis.pipeline(transaction=False)
        # An emptied Redis counts its stream ids anew: the generation tells clients that theirs mean nothing any more.
        pipeline.set(GENERATION, uuid.uuid4().hex, nx=True)
        for notice in [*notices, *map(notice_of, events)]:
            pipeline.xadd(STREAM, {"data": orjson.dumps(notice)}, maxlen=self._stream_length, approximate=True)
        pipeline.execute()
        Event.objects.filter(pk__in=[event.pk for event in events]).update(relayed=True)
        return len(events) == BATCH


def notice_of(event: Event) -> dict[str, Any]:
    """Return the notice that announces an event row on the stream."""
    notice: dict[str, Any] = {
        "type": "request" if event.request_id else "event",
        "kind": event.kind,
        "severity": event.severity,
        "event": event.pk,
        "time": time.time(),
    }
    for name in ("fsid", "object_type", "object_id"):
        if getattr(event, name):
            notice[name] = getattr(event, name)
    if event.request_id:
        notice["request_id"] = str(event.request_id)
    return notice

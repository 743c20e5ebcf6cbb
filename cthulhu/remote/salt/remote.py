"""The port to the nodes, carried by Salt: jobs go out through the master, events come in from its bus, checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from configuration.settings import settings
from cthulhu.remote.port import Heartbeat, JobReturn, MapUpdate, RemoteEvent
from cthulhu.remote.salt.assembly import Assembly, BrokenMap
from cthulhu.remote.salt.complaints import Complaints
from cthulhu.remote.salt.configuration import master_options
from cthulhu.remote.salt.envelopes import EnvelopeVerifier, NotAuthentic
from cthulhu.remote.salt.event_bus import BusEvent, listen
from cthulhu.remote.salt.messages import (
    ErrorBody,
    HeartbeatBody,
    MalformedMessage,
    MapBody,
    read_answer,
    read_watcher,
)
from cthulhu.remote.salt.ordering import Ordering
from cthulhu.remote.salt.publisher import Publisher


class SaltRemote:
    """Implements `cthulhu.remote.port.Remote` with the Salt master whose configuration lies in a folder.

    `new_job_id` and `publish` may be used from any thread; `events` by one.

    Raises:
        UnsupportedSalt, FileNotFoundError: see `master_options`.
    """

    def __init__(self, master_configuration: Path) -> None:
        self._options = master_options(master_configuration)
        self._publisher = Publisher(self._options)

    def new_job_id(self) -> str:
        """Return a job id that no other job has."""
        return self._publisher.new_job_id()

    def publish(self, node: str, function: str, arguments: dict[str, Any], job_id: str) -> None:
        """Send a job to one node and return without waiting for its answer.

        Raises:
            RemoteUnavailable: the master did not confirm that it took the job.
        """
        self._publisher.publish(node, function, arguments, job_id)

    def events(self) -> Iterator[RemoteEvent]:
        """Yield what the nodes send, for ever."""
        inbox = Inbox(EnvelopeVerifier(self._options), settings().largest_map, settings().clock_tolerance)
        for event in listen(self._options):
            checked = inbox.take(event)
            if checked is not None:
                yield checked


class Inbox:
    """Turns what stands on the bus into events whose origin, shape and order are checked; all else is dropped.

    Args:
        verifier: opens envelopes.
        largest_map: bytes.
        clock_tolerance: seconds.
    """

    def __init__(self, verifier: EnvelopeVerifier, largest_map: int, clock_tolerance: float) -> None:
        self._verifier = verifier
        self._ordering = Ordering(clock_tolerance)
        self._assembly = Assembly(largest_map)
        self._complaints = Complaints()

    def take(self, event: BusEvent) -> RemoteEvent | None:
        """Return the event if it is one of ours and holds, else None."""
        parts = event.tag.split("/")
        match parts:
            case ["calamari", "node", node]:
                handle = self._watcher_message
            case ["salt", "job", _, "ret", node] if _may_be_ours(event.data):
                handle = self._job_return
            case _:
                return None
        try:
            return handle(node, event)
        except (NotAuthentic, MalformedMessage, BrokenMap) as error:
            self._complaints.complain(str(error), node, tag=event.tag[:200])
        return None

    def _watcher_message(self, node: str, event: BusEvent) -> RemoteEvent | None:
        envelope = _sent_by(node, "_minion_event", event.data).get("data")
        body = read_watcher(self._verifier.open(node, envelope))
        if body.node != node:
            raise NotAuthentic("it names another node")
        if not self._ordering.admit(node, body.boot, body.sequence, body.time, event.received_at):
            return None
        if isinstance(body, HeartbeatBody):
            return self._heartbeat(body, event.received_at)
        return self._map(body, event.received_at)

    def _heartbeat(self, body: HeartbeatBody, received_at: float) -> Heartbeat | None:
        if not self._ordering.overtake(body.node, "heartbeat", body.sequence):
            return None
        fields = body.model_dump(exclude={"kind"})
        return Heartbeat(**fields | {"received_at": received_at, "daemons": tuple(body.daemons)})

    def _map(self, body: MapBody, received_at: float) -> MapUpdate | None:
        whole = self._assembly.add(body, received_at)
        if whole is None or body.lease is None:
            return None
        if not self._ordering.overtake(body.node, f"map {body.map}", whole.sequence):
            return None
        return MapUpdate(body.node, received_at, body.fsid, body.lease, body.map, body.version, whole.content)

    def _job_return(self, node: str, event: BusEvent) -> JobReturn:
        data = _sent_by(node, "_return", event.data)
        job_id, function = event.tag.split("/")[2], data["fun"]
        # Salt's own report of a failure is not signed, so anybody could have made it: no envelope, no event.
        body = read_answer(function, self._verifier.open(node, data.get("return")))
        if body.node != node or body.job_id != job_id or data.get("jid") != job_id:
            raise NotAuthentic("it names another node or job")
        if isinstance(body, ErrorBody):
            return JobReturn(node, event.received_at, job_id, function, success=False, result=None, error=body.error)
        result = body.model_dump()
        return JobReturn(node, event.received_at, job_id, function, success=True, result=result, error=None)


def _may_be_ours(data: object) -> bool:
    """Whether a job's return is that of one of our functions: other users of the master are none of our business."""
    return isinstance(data, dict) and isinstance(data.get("fun"), str) and data["fun"].startswith("ceph.")


def _sent_by(node: str, command: str, data: object) -> dict[str, Any]:
    """Return the event's data if it has the marks that the master itself puts on what it forwards.

    They are necessary, not sufficient: a minion can forge them, but not the signature.

    Raises:
        NotAuthentic: they are missing or name another minion.
    """
    if not isinstance(data, dict) or data.get("cmd") != command:
        raise NotAuthentic("it did not come the way it should")
    if data.get("id") != node:
        raise NotAuthentic("it came from another minion")
    return data

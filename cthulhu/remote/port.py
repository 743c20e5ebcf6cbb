"""What cthulhu and the worker need of the nodes, whatever carries it.

`cthulhu.remote.salt` implements `Remote` with a Salt master and its event bus. ClusterMonitor and the Celery tasks
know only this module. Every event that an adapter yields has had its origin checked: `node` really sent it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol


class RemoteUnavailable(Exception):
    """The carrier (for Salt: the master) does not take jobs now. Whether a job went out is not known."""


@dataclass(frozen=True)
class Heartbeat:
    """A node's watcher says that it is there, and which versions its monitor connection sees.

    `boot` names one run of the watcher, `sequence` counts its messages. `time` is the node's clock, `received_at` the
    server's (both Unix seconds). `silence` is how long ago, in seconds, the monitors last answered the watcher;
    `connected` is False once that is longer than its timeout, and `error` then says why. `lease` is the id of the lease
    it works under, if any. `fsid` is empty until the node has reached its cluster once.
    """

    node: str
    received_at: float
    boot: str
    sequence: int
    time: float
    fsid: str
    cluster: str
    connected: bool
    silence: float
    error: str | None
    lease: str | None
    daemons: tuple[str, ...]
    versions: dict[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class MapUpdate:
    """One whole cluster map or report, pushed by the watcher that holds the lease."""

    node: str
    received_at: float
    fsid: str
    lease: str
    map: str
    version: int | str
    content: Any


@dataclass(frozen=True)
class JobReturn:
    """What a node's function returned for a job. `result` is the function's own, checked, answer.

    `success` is False when the function itself could not run (unknown function, exception): `error` says why.
    """

    node: str
    received_at: float
    job_id: str
    function: str
    success: bool
    result: dict[str, Any] | None
    error: str | None


RemoteEvent = Heartbeat | MapUpdate | JobReturn


class Remote(Protocol):
    """The port. Implementations are safe to use from several threads."""

    def new_job_id(self) -> str:
        """Return a job id that no other job has; it is stored before the job is published."""

    def publish(self, node: str, function: str, arguments: dict[str, Any], job_id: str) -> None:
        """Send a job to one node and return without waiting for its answer.

        Raises:
            RemoteUnavailable: the carrier did not confirm that it took the job.
        """

    def events(self) -> Iterator[RemoteEvent]:
        """Yield what the nodes send, for ever, reconnecting by itself; None is never yielded."""

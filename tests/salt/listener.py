"""Follow the events of a remote in a thread, and wait for particular ones."""

import threading
import time
from collections.abc import Callable
from typing import Any

from cthulhu.remote.port import Heartbeat, JobReturn, MapUpdate, RemoteEvent
from cthulhu.remote.salt.remote import SaltRemote


class Listener:
    """Keeps every event that came, oldest first."""

    def __init__(self, remote: SaltRemote) -> None:
        self.remote = remote
        self.events: list[RemoteEvent] = []
        self.changed = threading.Condition()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        for event in self.remote.events():
            with self.changed:
                self.events.append(event)
                self.changed.notify_all()

    def mark(self) -> int:
        """Return where the events stand now."""
        return len(self.events)

    def wait(self, condition: Callable[[RemoteEvent], bool], seconds: float, since: int = 0) -> Any:
        """Return the first event after `since` that fulfils the condition."""
        until = time.monotonic() + seconds
        with self.changed:
            position = since
            while True:
                for event in self.events[position:]:
                    if condition(event):
                        return event
                position = len(self.events)
                remaining = until - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(
                        f"no such event in {seconds} s; the last: {[str(e)[:1000] for e in self.events[-4:]]}"
                    )
                self.changed.wait(remaining)

    def heartbeat(
        self, node: str, condition: Callable[[Heartbeat], bool], seconds: float = 60, since: int = 0
    ) -> Heartbeat:
        return self.wait(lambda e: isinstance(e, Heartbeat) and e.node == node and condition(e), seconds, since)

    def map(self, name: str, condition: Callable[[MapUpdate], bool], seconds: float = 60, since: int = 0) -> MapUpdate:
        return self.wait(lambda e: isinstance(e, MapUpdate) and e.map == name and condition(e), seconds, since)

    def answer(self, job_id: str, seconds: float = 30) -> JobReturn:
        return self.wait(lambda e: isinstance(e, JobReturn) and e.job_id == job_id, seconds)

    def call(self, node: str, function: str, patience: float = 30, **arguments: Any) -> JobReturn:
        """Publish a job and return what came back."""
        job_id = self.remote.new_job_id()
        self.remote.publish(node, function, arguments, job_id)
        return self.answer(job_id, patience)

    def run(self, request_id: str, command: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Run a changing command on node1 and return its result."""
        arguments = order(request_id, command) | changes
        result = self.call("node1", "ceph.run_command", **arguments).result
        assert result is not None
        return result


def order(request_id: str, command: dict[str, Any], seconds: float = 20) -> dict[str, Any]:
    """Return the arguments of `ceph.run_command` for a command that may be sent within `seconds` from now."""
    now = time.time()
    return {
        "request_id": request_id,
        "step": 0,
        "issued_at": now,
        "not_after": now + seconds,
        "target": "mon",
        "command": command,
        "await_map": True,
    }

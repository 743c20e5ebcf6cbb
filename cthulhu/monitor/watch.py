"""Keeping the favorite node's watcher pushing maps: lease, renewal, and repair of what got lost on the way.

Level based: whatever is lost, the next heartbeat shows that the node works without our lease or is ahead of our maps,
and the lease is then given again with the versions we hold, which makes the watcher send what differs.
"""

import uuid
from collections.abc import Mapping

import structlog

from cthulhu.remote.port import Heartbeat, Remote, RemoteUnavailable

log = structlog.get_logger(__name__)

WATCH = "ceph.watch"

# A push is on its way for a moment after the heartbeat that announces its version.
PATIENCE = 1.5


class Watch:
    """The lease of one cluster. `lease` names the present one; pushes under any other are not ours."""

    def __init__(self, remote: Remote, lease_seconds: float) -> None:
        self._remote = remote
        self._lease_seconds = lease_seconds
        self.lease = ""
        self.node: str | None = None
        self._asked_at = 0.0
        self._behind_since: float | None = None

    def move_to(self, node: str | None, since: Mapping[str, int | str], now: float) -> None:
        """Give the lease to another node, or to none."""
        self.node = node
        self.lease = uuid.uuid4().hex
        self._behind_since = None
        if node is not None:
            self._ask(since, now)

    def keep(self, heartbeat: Heartbeat | None, since: Mapping[str, int | str], now: float) -> None:
        """Renew the lease in time, or at once when the node's last heartbeat shows that it must be repaired."""
        if self.node is None:
            return
        if now - self._asked_at >= self._lease_seconds / 3 or self._must_repair(heartbeat, since, now):
            self._ask(since, now)

    def _must_repair(self, heartbeat: Heartbeat | None, since: Mapping[str, int | str], now: float) -> bool:
        if heartbeat is None:
            return False
        behind = heartbeat.lease != self.lease or any(
            since.get(name) != version for name, version in heartbeat.versions.items()
        )
        if not behind:
            self._behind_since = None
            return False
        if self._behind_since is None:
            self._behind_since = now
        return now - max(self._behind_since, self._asked_at) >= PATIENCE

    def _ask(self, since: Mapping[str, int | str], now: float) -> None:
        assert self.node is not None  # noqa: S101  (checked by both callers)
        self._asked_at = now
        arguments = {"lease": self.lease, "since": dict(since), "seconds": self._lease_seconds}
        try:
            self._remote.publish(self.node, WATCH, arguments, self._remote.new_job_id())
        except RemoteUnavailable as error:
            log.warning("watch not renewed", node=self.node, error=str(error))

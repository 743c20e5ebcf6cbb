"""What is known of one cluster's nodes: who is there, which daemons each has, and which of them is the favorite.

Pure bookkeeping, driven by `cluster_monitor` with the heartbeats of the nodes' watchers.
"""

from dataclasses import dataclass

from cthulhu.remote.port import Heartbeat


@dataclass(frozen=True)
class Node:
    """One node as its last heartbeat showed it. Times are Unix seconds of the server's clock."""

    name: str
    heartbeat: Heartbeat
    last_contact: float

    @property
    def clock_difference(self) -> float:
        """Return how far the node's clock stands from the server's, in seconds; transit counts as difference."""
        return self.heartbeat.received_at - self.heartbeat.time

    @property
    def last_answer(self) -> float:
        """Return when the monitors last answered the node."""
        return self.heartbeat.received_at - self.heartbeat.silence

    @property
    def has_mon(self) -> bool:
        """Tell whether a monitor runs on the node."""
        return any(daemon.startswith("mon.") for daemon in self.heartbeat.daemons)


class Nodes:
    """The nodes of one cluster, and the favorite among them, which reads the maps and runs the changes.

    A favorite is kept for as long as it is usable, so that the watch does not wander.
    """

    def __init__(self, contact_timeout: float, favorite_timeout: float, clock_tolerance: float) -> None:
        self.contact_timeout = contact_timeout
        self.favorite_timeout = favorite_timeout
        self.clock_tolerance = clock_tolerance
        self.favorite: str | None = None
        self._nodes: dict[str, Node] = {}

    def observe(self, heartbeat: Heartbeat) -> None:
        """Take in a heartbeat."""
        self._nodes[heartbeat.node] = Node(heartbeat.node, heartbeat, heartbeat.received_at)

    def get(self, name: str) -> Node | None:
        """Return a node by its minion id."""
        return self._nodes.get(name)

    def all(self) -> list[Node]:
        """Return every node, by name."""
        return sorted(self._nodes.values(), key=lambda node: node.name)

    def is_alive(self, name: str, now: float) -> bool:
        """Tell whether a node was heard of within the contact timeout."""
        node = self._nodes.get(name)
        return node is not None and now - node.last_contact <= self.contact_timeout

    def daemons(self) -> dict[str, str]:
        """Return which node each daemon was last seen on, such as {"osd.0": "node1"}."""
        by_age = sorted(self._nodes.values(), key=lambda node: (node.last_contact, node.name))
        return {daemon: node.name for node in by_age for daemon in node.heartbeat.daemons}

    def choose_favorite(self, now: float) -> bool:
        """Keep the favorite or choose another; tell whether it changed. Nodes with a monitor come first."""
        before = self.favorite
        if before is None or not self._usable(before, now):
            usable = [node for node in self.all() if self._usable(node.name, now)]
            usable.sort(key=lambda node: (not node.has_mon, node.name))
            self.favorite = usable[0].name if usable else None
        return self.favorite != before

    def _usable(self, name: str, now: float) -> bool:
        node = self._nodes[name]
        return (
            node.heartbeat.connected
            and now - node.last_answer <= self.favorite_timeout
            and abs(node.clock_difference) <= self.clock_tolerance
        )

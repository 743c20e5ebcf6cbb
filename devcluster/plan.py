"""What one development cluster consists of: its nodes, which daemons each has, and the ports chosen for it.

The plan is made at the first start in a home and kept in `$CALAMARI_HOME/devcluster/plan.json`: the monitors' map holds
their addresses for good, so the ports must stay.
"""

import json
import random
import socket
import string
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range from which Linux picks ports for outgoing connections (32768 and up, ip_local_port_range), so that
# none of ours is ever taken by chance while a daemon is down; above what services commonly use.
FIRST_PORT, LAST_PORT = 20000, 32000
MGRS = ("x", "y")


class PlanConflict(Exception):
    """The home holds a cluster of another shape; the message says which."""


@dataclass(frozen=True)
class Node:
    """One pretended host: its minion, its CRUSH host and its Ceph daemons."""

    name: str
    mons: tuple[str, ...]
    mgrs: tuple[str, ...]
    osds: tuple[int, ...]

    @property
    def daemons(self) -> tuple[str, ...]:
        """Names as Ceph gives them, such as `osd.0`."""
        return (
            *(f"mon.{mon}" for mon in self.mons),
            *(f"mgr.{mgr}" for mgr in self.mgrs),
            *(f"osd.{osd}" for osd in self.osds),
        )


@dataclass(frozen=True)
class Shape:
    """How many of everything. At most one mon per node; two mgrs unless there is one node only."""

    nodes: int = 3
    osds_per_node: int = 1
    mons: int = 3

    def __post_init__(self) -> None:
        if not (self.nodes >= 1 and self.osds_per_node >= 0 and 1 <= self.mons <= min(self.nodes, 26)):
            raise ValueError("a cluster needs a node, and from one mon up to one per node (26 at most)")


@dataclass(frozen=True)
class Plan:
    """The shape with its consequences. `mon_ports` holds (msgr2, msgr1) per mon."""

    shape: Shape
    fsid: str
    mon_ports: tuple[tuple[int, int], ...]
    salt_publish_port: int
    salt_return_port: int

    @property
    def mons(self) -> tuple[str, ...]:
        """Names of all mons, without `mon.`."""
        return tuple(string.ascii_lowercase[: self.shape.mons])

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, with the daemons dealt out in turn."""
        per_node = self.shape.osds_per_node
        return tuple(
            Node(
                name=f"node{index + 1}",
                mons=self.mons[index : index + 1],
                mgrs=MGRS[index : index + 1],
                osds=tuple(range(index * per_node, (index + 1) * per_node)),
            )
            for index in range(self.shape.nodes)
        )

    @property
    def osds(self) -> tuple[int, ...]:
        """Ids of all OSDs."""
        return tuple(osd for node in self.nodes for osd in node.osds)

    @property
    def mon_addresses(self) -> dict[str, str]:
        """Mon name -> its address vector, as ceph.conf and monmaptool write it."""
        return {
            mon: f"[v2:{LOOPBACK}:{second},v1:{LOOPBACK}:{first}]"
            for mon, (second, first) in zip(self.mons, self.mon_ports, strict=True)
        }


def load_or_make(path: Path, shape: Shape | None) -> Plan:
    """Return the plan kept at `path`; make and keep one of `shape` (None: the default) when there is none.

    Raises:
        PlanConflict: the kept plan has another shape.
    """
    if path.exists():
        plan = _parse(path.read_text())
        if shape not in {None, plan.shape}:
            raise PlanConflict(f"{path.parent} holds a cluster of {plan.shape}; choose another CALAMARI_HOME")
        return plan
    shape = shape or Shape()
    ports = free_ports(2 * shape.mons + 2)
    plan = Plan(
        shape=shape,
        fsid=str(uuid.uuid4()),
        mon_ports=tuple(zip(ports[2::2], ports[3::2], strict=True)),
        salt_publish_port=ports[0],
        salt_return_port=ports[1],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(plan), indent=2))
    temporary.replace(path)
    return plan


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens now, chosen at random: two copies that start together must not agree."""
    found: list[int] = []
    for port in random.sample(range(FIRST_PORT, LAST_PORT), LAST_PORT - FIRST_PORT):
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    return found


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as listener:
        # As servers do: a connection of an earlier run that still lingers in TIME_WAIT is no obstacle.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Tell whether a server on the loopback address takes connections on `port` now."""
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, port)) == 0


def _parse(text: str) -> Plan:
    kept = json.loads(text)
    return Plan(
        shape=Shape(**kept["shape"]),
        fsid=kept["fsid"],
        mon_ports=tuple((second, first) for second, first in kept["mon_ports"]),
        salt_publish_port=kept["salt_publish_port"],
        salt_return_port=kept["salt_return_port"],
    )

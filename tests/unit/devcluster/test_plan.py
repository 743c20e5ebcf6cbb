"""What a development cluster consists of, and that it stays so."""

import socket
from pathlib import Path

import pytest

from devcluster.plan import FIRST_PORT, LAST_PORT, Plan, PlanConflict, Shape, free_ports, is_free, load_or_make


def plan_of(shape: Shape) -> Plan:
    ports = tuple((30000 + 2 * mon, 30001 + 2 * mon) for mon in range(shape.mons))
    return Plan(shape, "fsid", ports, 29000, 29001)


def test_three_nodes_by_default() -> None:
    nodes = plan_of(Shape()).nodes
    assert [node.name for node in nodes] == ["node1", "node2", "node3"]
    assert [node.daemons for node in nodes] == [
        ("mon.a", "mgr.x", "osd.0"),
        ("mon.b", "mgr.y", "osd.1"),
        ("mon.c", "osd.2"),
    ]


def test_osds_are_numbered_node_by_node() -> None:
    plan = plan_of(Shape(nodes=2, osds_per_node=3, mons=1))
    assert [node.osds for node in plan.nodes] == [(0, 1, 2), (3, 4, 5)]
    assert plan.osds == (0, 1, 2, 3, 4, 5)
    assert [node.mons for node in plan.nodes] == [("a",), ()]


@pytest.mark.parametrize("shape", [(0, 1, 1), (2, 1, 3), (1, -1, 1), (3, 1, 0), (30, 1, 27)])
def test_impossible_shapes(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a cluster needs"):
        Shape(*shape)


def test_kept_plan_is_used_again(tmp_path: Path) -> None:
    file = tmp_path / "devcluster" / "plan.json"
    made = load_or_make(file, Shape(nodes=2, osds_per_node=2, mons=1))
    assert load_or_make(file, None) == made
    assert load_or_make(file, made.shape) == made
    with pytest.raises(PlanConflict, match="another CALAMARI_HOME"):
        load_or_make(file, Shape())


def test_ports_differ_and_are_free(tmp_path: Path) -> None:
    plan = load_or_make(tmp_path / "plan.json", None)
    ports = [*sum(plan.mon_ports, ()), plan.salt_publish_port, plan.salt_return_port]
    assert len(set(ports)) == 8
    assert all(FIRST_PORT <= port < LAST_PORT for port in ports)


def test_taken_port_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not is_free(listener.getsockname()[1])
    assert len(free_ports(3)) == 3

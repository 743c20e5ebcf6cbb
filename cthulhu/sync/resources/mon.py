"""Rows of monitors, of `mon dump` and `quorum_status`."""

from typing import Any

from cthulhu.sync.objects import MON_MAP, MON_STATUS, SERVERS
from cthulhu.sync.resources.resource import Objects, Resource, Row


def build(objects: Objects) -> list[Row]:
    """Return one row for each monitor of the newest monitor map, by rank.

    The two reports arrive one after the other. `quorum_status` carries the monitor map that its quorum was elected
    on, so the map of the higher epoch counts, and the quorum is told by names: ranks change with the map. Fewer than a
    majority of the map's monitors are no quorum.
    """
    status = objects[MON_STATUS].content
    mon_map = _newer(objects[MON_MAP].content, status.get("monmap"))
    servers = objects[SERVERS].content if SERVERS in objects else {}
    quorum = {mon["name"] for mon in mon_map["mons"]}.intersection(status["quorum_names"])
    if len(quorum) <= len(mon_map["mons"]) // 2:
        quorum = set()
    leader = status.get("quorum_leader_name")
    return [
        {
            "name": mon["name"],
            "rank": mon["rank"],
            "in_quorum": mon["name"] in quorum,
            "leader": mon["name"] in quorum and mon["name"] == leader,
            "server": servers.get(f"mon.{mon['name']}"),
            "addr": mon.get("addr") or mon.get("public_addr"),
        }
        for mon in sorted(mon_map["mons"], key=lambda mon: mon["rank"])
    ]


def _newer(mon_map: dict[str, Any], of_quorum: dict[str, Any] | None) -> dict[str, Any]:
    if of_quorum is not None and of_quorum["epoch"] > mon_map["epoch"]:
        return of_quorum
    return mon_map


RESOURCE = Resource("mon", (MON_MAP, MON_STATUS, SERVERS), (MON_MAP, MON_STATUS), build)

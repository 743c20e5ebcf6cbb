"""Turning what changed between two states of a cluster into events for people.

The comparison is pure; `record_all` stores what it found. Kinds and severities follow Calamari's Eventer, with the OSD
in/out changes that it left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cthulhu.persistence.events import record
from cthulhu.persistence.models import Severity
from cthulhu.rpc.types import HEALTH, MON, OSD, POOL

Row = dict[str, Any]

HEALTH_RANK = {"HEALTH_OK": 0, "HEALTH_WARN": 1, "HEALTH_ERR": 2}


@dataclass(frozen=True)
class Observation:
    """One change worth telling; becomes an event row."""

    severity: Severity
    kind: str
    message: str
    object_type: str = ""
    object_id: str = ""


def changes(object_type: str, before: Any, after: Any) -> list[Observation]:
    """Return what happened between two contents (rows, or the health object) of one object type.

    `before` None means that nothing was known: a first sight is not a change.
    """
    if before is None or after is None:
        return []
    if object_type == HEALTH:
        return list(_health_changes(before, after))
    compare = {OSD: _osd_changes, POOL: _pool_changes, MON: _mon_changes}.get(object_type)
    return list(compare(before, after)) if compare else []


def record_all(fsid: str, observations: Iterable[Observation]) -> None:
    """Store observations as events of a cluster."""
    for seen in observations:
        record(
            seen.severity,
            seen.kind,
            seen.message,
            fsid=fsid,
            object_type=seen.object_type,
            object_id=seen.object_id,
        )


def _pairs(key: str, before: list[Row], after: list[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    old, new = {row[key]: row for row in before}, {row[key]: row for row in after}
    for identity in {**old, **new}:
        yield old.get(identity), new.get(identity)


def _osd_changes(before: list[Row], after: list[Row]) -> Iterator[Observation]:
    for old, new in _pairs("id", before, after):
        if old is new or old == new:
            continue
        row = new or old or {}
        name, about = f"OSD {row['id']}", {"object_type": OSD, "object_id": str(row["id"])}
        where = f" on {row['server']}" if row.get("server") else ""
        if old is None:
            yield Observation(Severity.INFO, "osd.added", f"{name} added to the cluster map{where}", **about)
        elif new is None:
            yield Observation(Severity.INFO, "osd.removed", f"{name} removed from the cluster map", **about)
        else:
            if old["up"] and not new["up"]:
                yield Observation(Severity.WARNING, "osd.down", f"{name} went down{where}", **about)
            elif new["up"] and not old["up"]:
                yield Observation(Severity.RECOVERY, "osd.up", f"{name} came up{where}", **about)
            if old["in"] and not new["in"]:
                yield Observation(Severity.WARNING, "osd.out", f"{name} was marked out{where}", **about)
            elif new["in"] and not old["in"]:
                yield Observation(Severity.RECOVERY, "osd.in", f"{name} was marked in{where}", **about)


def _pool_changes(before: list[Row], after: list[Row]) -> Iterator[Observation]:
    for old, new in _pairs("id", before, after):
        row = new or old or {}
        about = {"object_type": POOL, "object_id": str(row["id"])}
        if old is None:
            yield Observation(Severity.INFO, "pool.added", f"Pool {row['name']} added", **about)
        elif new is None:
            yield Observation(Severity.INFO, "pool.removed", f"Pool {row['name']} removed", **about)


def _mon_changes(before: list[Row], after: list[Row]) -> Iterator[Observation]:
    for old, new in _pairs("name", before, after):
        row = new or old or {}
        name, about = f"Mon {row['name']}", {"object_type": MON, "object_id": row["name"]}
        was_in, is_in = bool(old and old["in_quorum"]), bool(new and new["in_quorum"])
        if was_in and not is_in:
            yield Observation(Severity.WARNING, "mon.left_quorum", f"{name} left quorum", **about)
        elif is_in and not was_in:
            yield Observation(Severity.RECOVERY, "mon.joined_quorum", f"{name} joined quorum", **about)
        if old and new and new["leader"] and not old["leader"]:
            yield Observation(Severity.INFO, "mon.leader", f"{name} leads the quorum", **about)


def _health_changes(before: Row, after: Row) -> Iterator[Observation]:
    old, new = before.get("status", ""), after.get("status", "")
    if old == new:
        return
    improved = HEALTH_RANK.get(new, 2) < HEALTH_RANK.get(old, 2)
    severity = Severity.RECOVERY if improved else Severity.ERROR if new == "HEALTH_ERR" else Severity.WARNING
    reasons = "; ".join(check["summary"] for check in after.get("checks", []))
    message = f"Health went from {old} to {new}" + (f": {reasons}" if reasons else "")
    yield Observation(severity, "health.changed", message[:1000], object_type=HEALTH)

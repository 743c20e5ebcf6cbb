"""A remote that only records, and the nodes of the recorded cluster as the tests play them to a ClusterMonitor."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.remote.port import Heartbeat, JobReturn, MapUpdate, RemoteEvent
from cthulhu.rpc.types import Caller

RECORDED = Path(__file__).parents[1] / "recorded" / "ceph-16.2.15"
CALLER = Caller(username="admin")


def recorded(name: str) -> Any:
    return orjson.loads((RECORDED / f"{name}.json").read_bytes())


@dataclass
class Job:
    node: str
    function: str
    arguments: dict[str, Any]
    job_id: str


@dataclass
class RecordingRemote:
    """Stands for the carrier: what is published is kept, nothing answers by itself."""

    jobs: list[Job] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_job_id(self) -> str:
        return f"job{next(self.numbers)}"

    def publish(self, node: str, function: str, arguments: dict[str, Any], job_id: str) -> None:
        self.jobs.append(Job(node, function, arguments, job_id))

    def events(self) -> Iterator[RemoteEvent]:
        return iter(())

    def last(self, function: str) -> Job:
        return next(job for job in reversed(self.jobs) if job.function == function)


@dataclass
class Nodes:
    """Plays the nodes of the recorded cluster to one ClusterMonitor."""

    monitor: ClusterMonitor
    remote: RecordingRemote
    fsid: str
    sequence: Iterator[int] = field(default_factory=itertools.count)

    def heartbeat(self, node: str = "node1", **changes: Any) -> None:
        now = time.time()
        values: dict[str, Any] = {
            "node": node,
            "received_at": now,
            "boot": "b",
            "sequence": next(self.sequence),
            "time": now,
            "fsid": self.fsid,
            "cluster": "ceph",
            "connected": True,
            "silence": 0.0,
            "error": None,
            "lease": None,
            "daemons": ("mon.a", "osd.0") if node == "node1" else ("mon.b", "osd.1"),
            "versions": {},
        }
        self.monitor.handle(Heartbeat(**{**values, **changes}))

    def push(self, name: str, content: Any, version: int | str) -> None:
        watch = self.remote.last("ceph.watch")
        self.monitor.handle(
            MapUpdate(watch.node, time.time(), self.fsid, watch.arguments["lease"], name, version, content)
        )

    def push_osd_map(self, **osd_changes: Any) -> int:
        """Push the next OSD map, in which osd.1 has the given fields changed; return its epoch."""
        osd_map = recorded("osd_map")
        held = self.monitor.state.objects.get("osd_map")
        osd_map["epoch"] = (held.version if held else osd_map["epoch"]) + 1  # type: ignore[operator]
        for osd in osd_map["osds"]:
            if osd["osd"] == 1:
                osd.update(osd_changes)
        self.push("osd_map", osd_map, osd_map["epoch"])
        return osd_map["epoch"]

    def answer(self, job: Job, outcome: str, node: str | None = None, **changes: Any) -> None:
        """Answer a job about a step the way the node's module does."""
        result = {
            "kind": "result",
            "node": node or job.node,
            "job_id": job.job_id,
            "request_id": job.arguments["request_id"],
            "step": job.arguments["step"],
            "outcome": outcome,
            "code": 0,
            "status": "",
            "output": "",
            "epoch": None,
            "started_at": None,
            "finished_at": None,
            "replayed": False,
            "reason": "",
        }
        self.monitor.handle(
            JobReturn(node or job.node, time.time(), job.job_id, job.function, True, {**result, **changes}, None)
        )

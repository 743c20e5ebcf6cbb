"""The product as a user has it: a running installation, its API over HTTP, and the cluster itself to compare with."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from devcluster.client import DevCluster

Row = dict[str, Any]


class Product:
    """One installation. Every API call opens a connection of its own, so that any of the web processes may answer."""

    def __init__(self, cluster: DevCluster, password: str) -> None:
        self.cluster = cluster
        self.settings = cluster.settings
        self.root = f"http://127.0.0.1:{self.settings.port}"
        self.url = f"{self.root}/api/v2"
        answer = httpx.post(f"{self.url}/auth/token", json={"username": "admin", "password": password}, timeout=10)
        self.headers = {"Authorization": f"Token {answer.raise_for_status().json()['token']}"}
        self.fsid: str = cluster.ceph("fsid")["fsid"]
        # The monitors keep 50 lines of audit log unless told otherwise: too few to count a test's commands in.
        cluster.ceph("config", "set", "mon", "mon_log_max_summary", "2000")

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API, `path` below /api/v2."""
        headers = {**self.headers, **options.pop("headers", {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=15, **options)

    def get(self, path: str) -> Any:
        """Return the body of a GET that must succeed."""
        return self.call("GET", path).raise_for_status().json()

    def osd(self, number: int) -> Row:
        """Return an OSD as the API shows it."""
        row: Row = self.get(f"/cluster/{self.fsid}/osd/{number}")
        return row

    def osd_in_ceph(self, number: int) -> Row:
        """Return an OSD as the monitors show it."""
        osds = self.cluster.ceph("osd", "dump")["osds"]
        return next(osd for osd in osds if osd["osd"] == number)

    def patch_osd(self, number: int, **attributes: Any) -> httpx.Response:
        """Ask for a change of an OSD."""
        return self.call("PATCH", f"/cluster/{self.fsid}/osd/{number}", json=attributes)

    def change_osd(self, number: int, **attributes: Any) -> str:
        """Ask for a change that must be accepted, and return the request's id."""
        answer = self.patch_osd(number, **attributes)
        assert answer.status_code == 202, answer.text
        request_id: str = answer.json()["request_id"]
        return request_id

    def completed(self, request_id: str, seconds: float = 60) -> Row:
        """Return a request once it is complete."""
        return until(lambda: self._complete(request_id), seconds)

    def settle(self) -> None:
        """Wait until nothing that a test broke is left: everything runs, in contact, all OSDs up and in."""
        until(self.is_ready, 90)
        for number in (osd["osd"] for osd in self.cluster.ceph("osd", "dump")["osds"]):
            until(lambda number=number: self.osd(number)["up"], 60)
            if self.osd(number)["reweight"] != 1.0:
                answer = self.patch_osd(number, reweight=1.0)
                if answer.status_code == 202:
                    assert not self.completed(answer.json()["request_id"])["error"]

    def is_ready(self) -> bool:
        """Tell whether every part of the service answers and the cluster is in contact."""
        try:
            ready = httpx.get(f"{self.root}/readyz", timeout=10).json()
            return bool(ready.get("cthulhu")) and bool(self.get(f"/cluster/{self.fsid}")["connected"])
        except httpx.HTTPError:
            return False

    def audit_lines(self, *request_ids: str) -> list[str]:
        """Return the lines of the monitors' audit log that carry the id of one of the requests."""
        lines = self.cluster.ceph("log", "last", "10000", "debug", "audit")
        return [line["message"] for line in lines if any(identity in line["message"] for identity in request_ids)]

    def executions(self, *request_ids: str) -> list[int]:
        """Return how often the command of each request was carried out, from the monitors' audit log.

        A command is logged as dispatched by the monitor that received it and by the leader that it was passed on to,
        and once, by the leader, as finished.
        """
        finished = [line for line in self.audit_lines(*request_ids) if line.endswith(": finished")]
        return [sum(identity in line for line in finished) for identity in request_ids]

    def program(self, name: str) -> Row:
        """Return the row of a program in the supervisor's status."""
        return next(row for row in self.cluster.status()["programs"] if row["name"] == name)

    def _complete(self, request_id: str) -> Row | None:
        try:
            request: Row = self.get(f"/request/{request_id}")
        except httpx.TransportError:
            return None
        return request if request["state"] == "complete" else None


Found = TypeVar("Found")


def until(look: Callable[[], Found | None], seconds: float, pause: float = 0.1) -> Found:
    """Look again and again until something is found.

    Raises:
        AssertionError: nothing was found in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)


def notices(response: httpx.Response) -> Any:
    """Yield the data of each notice of a stream."""
    for line in response.iter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))

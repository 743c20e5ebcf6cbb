"""Access to the running installation that the benchmarks measure: its API and its monitors."""

import json
import subprocess
import time
from typing import Any

import httpx

from configuration import settings

# Run by Debian's own Python, to which Ceph's binding belongs: it makes one change and says when the monitors had
# committed it, that is, when a second connection first saw the new epoch.
CHANGE_AND_WATCH = """
import json, rados, sys, threading, time

configuration, command = sys.argv[1], json.loads(sys.argv[2])

def connect():
    cluster = rados.Rados(conffile=configuration, name="client.admin")
    cluster.connect(timeout=5)
    return cluster

def epoch(cluster):
    return json.loads(cluster.mon_command(json.dumps({"prefix": "osd stat", "format": "json"}), b"")[1])["epoch"]

changer, watcher = connect(), connect()
before = epoch(watcher)
thread = threading.Thread(target=changer.mon_command, args=(json.dumps(command), b""))
thread.start()
while epoch(watcher) == before:
    time.sleep(0.0005)
print(time.time())
thread.join()
"""


class Installation:
    """The installation below `CALAMARI_HOME`, reached as its administrator."""

    def __init__(self) -> None:
        configuration = settings()
        self.ceph_conf = configuration.home / "devcluster" / "ceph.conf"
        self.url = f"http://{configuration.host}:{configuration.port}/api/v2"
        password = (configuration.home / "admin-password").read_text().strip()
        token = httpx.post(f"{self.url}/auth/token", json={"username": "admin", "password": password}).json()["token"]
        self.headers = {"Authorization": f"Token {token}"}
        self.http = httpx.Client(base_url=self.url, headers=self.headers, timeout=10)
        self.fsid: str = self.http.get("/cluster").json()[0]["id"]

    def osd(self, number: int) -> dict[str, Any]:
        """Return an OSD as the API shows it."""
        row: dict[str, Any] = self.http.get(f"/cluster/{self.fsid}/osd/{number}").raise_for_status().json()
        return row

    def change_behind_our_back(self, command: dict[str, Any]) -> "subprocess.Popen[str]":
        """Start a change made directly at the monitors; the process prints the moment of the commit (Unix seconds)."""
        return subprocess.Popen(
            ["/usr/bin/python3", "-c", CHANGE_AND_WATCH, str(self.ceph_conf), json.dumps(command)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, request_id: str) -> dict[str, Any]:
        """Poll a request until it is complete, and return it."""
        while True:
            request: dict[str, Any] = self.http.get(f"/request/{request_id}").raise_for_status().json()
            if request["state"] == "complete":
                return request
            time.sleep(0.02)


def summary(values: list[float]) -> str:
    """Return median, 95th percentile and maximum of times in seconds, as milliseconds."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    return f"median {at(0.5):6.1f} ms   p95 {at(0.95):6.1f} ms   max {ordered[-1] * 1000:6.1f} ms   n {len(ordered)}"

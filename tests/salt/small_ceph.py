"""A real Ceph cluster, as small as one can be: three monitors, a manager, two OSDs in memory. No root, no systemd."""

import json
import re
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from tests.salt.processes import Daemon, free_ports, wait_for

CONF = """
[global]
fsid = {fsid}
mon_initial_members = a,b,c
mon_host = {addresses}
public_network = 127.0.0.1/32
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/keyring
run_dir = {folder}
admin_socket = {folder}/$cluster-$name.asok
log_file = {folder}/log/$name.log
crash_dir = {folder}/crash
mon_cluster_log_file = {folder}/log/cluster.log
mon_data = {folder}/mon.$id
mgr_data = {folder}/mgr.$id
osd_data = {folder}/osd.$id
mon_allow_pool_delete = true
paxos_propose_interval = 0.2
mon_lease = 2
mon_election_timeout = 2
mon_data_avail_warn = 1
mon_data_avail_crit = 1
osd_pool_default_size = 2
osd_pool_default_min_size = 1
osd_crush_chooseleaf_type = 0
osd_pool_default_pg_autoscale_mode = off
mon_warn_on_pool_no_redundancy = false
mgr_initial_modules = iostat
mgr_module_path = /usr/share/ceph/mgr
osd_objectstore = memstore
memstore_device_bytes = 1G
osd_op_num_shards = 2
osd_class_dir = /usr/lib/x86_64-linux-gnu/rados-classes
[client]
admin_socket =
log_file = /dev/null
"""
AUDIT_DELAY = 2.0
AUDIT_PATIENCE = 6.0
# The order is that of starting; `-f` keeps each in the foreground, so that it ends with its session.
MONITORS = ("mon.a", "mon.b", "mon.c")
DAEMONS = (*MONITORS, "mgr.x", "osd.0", "osd.1")


class SmallCeph:
    """A running cluster. `conf` makes `ceph -c` work as client.admin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "ceph.conf"
        self.fsid = str(uuid.uuid4())
        self.daemons: dict[str, Daemon] = {}

    def start(self) -> None:
        (self.folder / "log").mkdir(parents=True)
        (self.folder / "crash" / "posted").mkdir(parents=True)
        ports = iter(free_ports(2 * len(MONITORS)))
        addresses = {name: f"[v2:127.0.0.1:{next(ports)},v1:127.0.0.1:{next(ports)}]" for name in MONITORS}
        hosts = ",".join(addresses.values())
        self.conf.write_text(CONF.format(fsid=self.fsid, folder=self.folder, addresses=hosts))
        self._make_monitors(addresses)
        for name in MONITORS:
            self.start_daemon(name)
        self._make_others()
        for name in DAEMONS[len(MONITORS) :]:
            self.start_daemon(name)
        wait_for(lambda: self.ceph("osd", "stat")["num_up_osds"] == 2, 30, "the OSDs")

    def start_daemon(self, name: str) -> None:
        kind, ident = name.split(".")
        keyring = [] if kind == "mon" else ["--keyring", f"{self.folder}/{name}/keyring"]
        arguments = [f"ceph-{kind}", "-c", str(self.conf), "-i", ident, "-f", *keyring]
        self.daemons[name] = Daemon(arguments, self.folder / "log" / "out")

    def stop(self) -> None:
        for daemon in reversed(self.daemons.values()):
            daemon.kill()

    def signal_monitors(self, number: signal.Signals) -> None:
        """Stop or thaw all monitors: nobody answers, although every connection stands."""
        for name in MONITORS:
            self.daemons[name].signal(number)

    def ceph(self, *command: str) -> Any:
        """Run `ceph` as client.admin; return its JSON, None when it says nothing."""
        arguments = ["ceph", "-c", str(self.conf), "--connect-timeout", "15", "-f", "json", *command]
        output = run(*arguments)
        return json.loads(output) if output.strip() else None

    def audit(self, *texts: str) -> list[str]:
        """Return the audit lines that contain all texts, oldest first."""
        lines = self.ceph("log", "last", "10000", "debug", "audit")
        return [line["message"] for line in lines if all(text in line["message"] for text in texts)]

    def runs(self, request_id: str) -> int:
        """Return how many clients sent a command of the request; each run of the node's program is a client of its own.

        A monitor that is not the leader passes a command on, so that one run leaves two lines that say `dispatch`; only
        the first names the client's address. Lines come into the log a second late, or more.
        """
        give_up = time.monotonic() + AUDIT_PATIENCE
        while not self.audit(request_id, ": dispatch") and time.monotonic() < give_up:
            time.sleep(0.2)
        time.sleep(AUDIT_DELAY)
        lines = self.audit(request_id, ": dispatch")
        return len({found[1] for line in lines if (found := re.match(r"from='client\.\S+ ([^ ']+)'", line))})

    def identity(self, name: str, **capabilities: str) -> Path:
        """Make a client and return its keyring."""
        keyring = self.folder / f"{name}.keyring"
        words = [word for item in capabilities.items() for word in item]
        keyring.write_text(run("ceph", "-c", str(self.conf), "auth", "get-or-create", name, *words))
        return keyring

    def _make_monitors(self, addresses: dict[str, str]) -> None:
        keyring, monmap = str(self.folder / "keyring"), str(self.folder / "monmap")
        run("ceph-authtool", "-C", "-g", "-n", "mon.", "--cap", "mon", "allow *", keyring)
        run("ceph-authtool", "-g", "-n", "client.admin", *_everything(), keyring)
        release = ["--set-min-mon-release", "pacific", "--enable-all-features"]
        members = [word for name, address in addresses.items() for word in ("--addv", name.split(".")[1], address)]
        run("monmaptool", "--create", "--fsid", self.fsid, *release, *members, monmap)
        for name in addresses:
            mkfs = ["-i", name.split(".")[1], "--mkfs", "--monmap", monmap, "--keyring", keyring]
            run("ceph-mon", "-c", str(self.conf), *mkfs)

    def _make_others(self) -> None:
        profiles = {
            "mgr.x": ["--cap", "mon", "allow profile mgr", "--cap", "osd", "allow *"],
            **{
                name: [
                    "--cap",
                    "mon",
                    "allow profile osd",
                    "--cap",
                    "mgr",
                    "allow profile osd",
                    "--cap",
                    "osd",
                    "allow *",
                ]
                for name in ("osd.0", "osd.1")
            },
        }
        for name, capabilities in profiles.items():
            (self.folder / name).mkdir()
            keyring = f"{self.folder}/{name}/keyring"
            run("ceph-authtool", "-C", "-g", "-n", name, *capabilities, keyring)
            run("ceph", "-c", str(self.conf), "auth", "import", "-i", keyring)
        for i in ("0", "1"):
            osd = str(uuid.uuid4())
            run("ceph", "-c", str(self.conf), "osd", "new", osd, i)
            keyring = f"{self.folder}/osd.{i}/keyring"
            run("ceph-osd", "-c", str(self.conf), "-i", i, "--mkfs", "--osd-uuid", osd, "--keyring", keyring)


def _everything() -> list[str]:
    return [word for kind in ("mon", "osd", "mds", "mgr") for word in ("--cap", kind, "allow *")]


def run(*arguments: str) -> str:
    """Run a program to its end and return what it wrote."""
    done = subprocess.run(arguments, capture_output=True, text=True, errors="replace", timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout

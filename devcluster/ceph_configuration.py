"""What Ceph's programs read: ceph.conf and keyrings, all with absolute paths below the home.

`ceph` starts the daemons with them. Options: Ceph 16.2's "Configuration reference"; each one that differs from its
default says why.
"""

import base64
import os
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from configuration import Settings
from cthulhu.requests.capabilities import read_capabilities, write_capabilities
from devcluster.plan import LOOPBACK, Node, Plan

READ_NAME = "client.calamari"
WRITE_NAME = "client.calamari-write"
# What monitors of 16.2 expect of every mgr (MgrMonitor's always_on_modules), and one that a person looks at.
MGR_MODULES = (
    "balancer",
    "crash",
    "devicehealth",
    "iostat",
    "orchestrator",
    "pg_autoscaler",
    "progress",
    "rbd_support",
    "status",
    "telemetry",
    "volumes",
)
MGR_MODULES_OF_THE_PACKAGE = Path("/usr/share/ceph/mgr")


@dataclass(frozen=True)
class CephPaths:
    """Where everything of the Ceph cluster lies."""

    folder: Path
    run_dir: Path

    @classmethod
    def of(cls, settings: Settings) -> "CephPaths":
        """Return the paths in the home of `settings`."""
        return cls(settings.home / "devcluster", settings.run_dir)

    @property
    def conf(self) -> Path:
        """ceph.conf of the daemons and of the administrator."""
        return self.folder / "ceph.conf"

    @property
    def admin_keyring(self) -> Path:
        """Key of client.admin, for people and for making the cluster; nothing on a node's Calamari path reads it."""
        return self.folder / "ceph.client.admin.keyring"

    @property
    def initial_keyring(self) -> Path:
        """All keys with their capabilities: what the monitors start with."""
        return self.folder / "initial.keyring"

    @property
    def mgr_modules(self) -> Path:
        """Folder of links to the mgr modules in use."""
        return self.folder / "mgr-modules"

    @property
    def made(self) -> Path:
        """Exists once the cluster was made to the end."""
        return self.folder / "cluster-made"

    def data(self, daemon: str) -> Path:
        """Return the data folder of a daemon such as `osd.0`."""
        return self.folder / "data" / daemon

    def node_folder(self, node: Node) -> Path:
        """Return the node's /etc/ceph: its ceph.conf and the keyrings of Calamari's identities."""
        return self.folder / node.name

    def sockets(self, node: Node) -> Path:
        """Return the folder of the node's admin sockets: from them its minion knows which daemons are its own."""
        return self.run_dir / node.name

    def node_keyring(self, node: Node, name: str) -> Path:
        """Return the file that holds the key of the identity `name` on the node."""
        return self.node_folder(node) / f"ceph.{name}.keyring"


def write_configuration(plan: Plan, paths: CephPaths) -> None:
    """Write ceph.conf of the daemons and of each node, make the folders that they name."""
    for node in plan.nodes:
        paths.sockets(node).mkdir(mode=0o700, parents=True, exist_ok=True)
        paths.node_folder(node).mkdir(mode=0o700, parents=True, exist_ok=True)
        for daemon in node.daemons:
            paths.data(daemon).mkdir(mode=0o700, parents=True, exist_ok=True)
        (paths.node_folder(node) / "ceph.conf").write_text(_text({"global": _how_to_reach_it(plan)}))
    (paths.folder / "crash" / "posted").mkdir(parents=True, exist_ok=True)
    _link_mgr_modules(paths)
    paths.conf.write_text(_text(_sections(plan, paths)))


def write_keyrings(plan: Plan, paths: CephPaths) -> None:
    """Make a new key for every daemon and identity and put each where its owner looks for it."""
    everything = {"mon": "allow *", "mgr": "allow *", "osd": "allow *", "mds": "allow *"}
    capabilities: dict[str, Mapping[str, str]] = {
        "mon.": {"mon": "allow *"},
        "client.admin": everything,
        READ_NAME: read_capabilities(),
        WRITE_NAME: write_capabilities(),
    }
    for node in plan.nodes:
        for mgr in node.mgrs:
            capabilities[f"mgr.{mgr}"] = {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"}
        for osd in node.osds:
            capabilities[f"osd.{osd}"] = {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": "allow *"}
    keys = {name: _new_key() for name in capabilities}
    initial = "".join(_keyring_entry(name, keys[name], granted) for name, granted in capabilities.items())
    _write_secret(paths.initial_keyring, initial)
    _write_secret(paths.admin_keyring, _keyring_entry("client.admin", keys["client.admin"], {}))
    for node in plan.nodes:
        for daemon in node.daemons:
            if not daemon.startswith("mon."):
                _write_secret(paths.data(daemon) / "keyring", _keyring_entry(daemon, keys[daemon], {}))
        for name in (READ_NAME, WRITE_NAME):
            _write_secret(paths.node_keyring(node, name), _keyring_entry(name, keys[name], {}))


def _how_to_reach_it(plan: Plan) -> dict[str, str]:
    return {
        "fsid": plan.fsid,
        "mon_host": ",".join(plan.mon_addresses.values()),
        "auth_cluster_required": "cephx",
        "auth_service_required": "cephx",
        "auth_client_required": "cephx",
    }


def _sections(plan: Plan, paths: CephPaths) -> dict[str, dict[str, str]]:
    replicas = max(1, min(3, plan.shape.nodes))
    sections = {
        "global": {
            **_how_to_reach_it(plan),
            "mon_initial_members": ",".join(plan.mons),
            "public_network": f"{LOOPBACK}/32",
            "crash_dir": str(paths.folder / "crash"),
            # Empty: no pid files; the supervisor knows its children.
            "pid_file": "",
            "osd_pool_default_size": str(replicas),
            "osd_pool_default_min_size": "1",
            # Tests count PGs; the autoscaler would change their number.
            "osd_pool_default_pg_autoscale_mode": "off",
            # All clients are of the cluster's version; the default admits old ones, too, and `health` warns of that.
            "auth_allow_insecure_global_id_reclaim": "false",
        },
        "client.admin": {"keyring": str(paths.admin_keyring)},
        "mon": {**_logging(), **_mon_options()},
        "mgr": {
            **_logging(),
            "mgr_module_path": str(paths.mgr_modules),
            "mgr_data": str(paths.folder / "data" / "mgr.$id"),
        },
        "osd": {**_logging(), **_osd_options(paths)},
    }
    sections["mon"]["mon_data"] = str(paths.folder / "data" / "mon.$id")
    # Every monitor writes the cluster's log; the first one's is shown to people.
    sections[f"mon.{plan.mons[0]}"] = {"mon_cluster_log_to_stderr": "true"}
    for node in plan.nodes:
        for daemon in node.daemons:
            admin_socket = paths.sockets(node) / "$cluster-$name.asok"
            sections.setdefault(daemon, {}).update({"host": node.name, "admin_socket": str(admin_socket)})
        for osd in node.osds:
            sections[f"osd.{osd}"]["crush_location"] = f"root=default host={node.name}"
    return sections


def _logging() -> dict[str, str]:
    """Send daemons' logs to the supervisor, which bounds them."""
    return {"log_to_stderr": "true", "err_to_stderr": "true", "log_file": "", "debug_rocksdb": "1/5"}


def _mon_options() -> dict[str, str]:
    return {
        # Who loses the leading monitor elects a new one after twice the lease: 4 s instead of 10, so that a node's
        # death is a matter of seconds for those who watch through another.
        "mon_lease": "2",
        "mon_election_timeout": "2",
        # A standby mgr takes over after this silence; 30 s by default.
        "mon_mgr_beacon_grace": "10",
        # Changes that follow each other are committed together at most this much later; 1 s by default, which would
        # make a hundred changes in a row take a hundred seconds.
        "paxos_propose_interval": "0.25",
        "mon_allow_pool_delete": "true",
        # A developer's disk is often nearly full; that is no health problem of the cluster.
        "mon_data_avail_warn": "1",
        "mon_data_avail_crit": "1",
        "mon_max_pg_per_osd": "1000",
        "mon_warn_on_pool_no_redundancy": "false",
        "mgr_initial_modules": "iostat",
        # The cluster's log, audit entries included, is asked for by `ceph log last`; a file of it would grow for ever.
        "mon_cluster_log_to_file": "false",
        # Each change of health once, not with all that `ceph health detail` says.
        "mon_health_detail_to_clog": "false",
    }


def _osd_options(paths: CephPaths) -> dict[str, str]:
    return {
        "osd_data": str(paths.folder / "data" / "osd.$id"),
        "osd_objectstore": "bluestore",
        # Sparse files: they take a few megabytes until something is written.
        "bluestore_block_size": str(4 * 2**30),
        "bluestore_block_create": "true",
        # Closing a device waits for this (250 ms by default) once per shard and start.
        "bdev_aio_poll_ms": "10",
        "osd_op_num_shards": "2",
        "osd_memory_target": str(2**30),
        "bluestore_cache_autotune": "false",
        "bluestore_cache_size": str(64 * 2**20),
    }


def _link_mgr_modules(paths: CephPaths) -> None:
    """Offer the mgr only modules in use: it loads all that it finds, each as an interpreter of its own."""
    paths.mgr_modules.mkdir(parents=True, exist_ok=True)
    for name in (*MGR_MODULES, "mgr_module.py", "mgr_util.py"):
        link = paths.mgr_modules / name
        if not link.is_symlink():
            link.symlink_to(MGR_MODULES_OF_THE_PACKAGE / name)


def _text(sections: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["# Written at every start of the development cluster."]
    for section, options in sections.items():
        lines += ["", f"[{section}]", *(f"{name} = {value}" for name, value in options.items())]
    return "\n".join(lines) + "\n"


def _keyring_entry(name: str, key: str, capabilities: Mapping[str, str]) -> str:
    lines = [f"[{name}]", f"\tkey = {key}"]
    for daemon_type, granted in capabilities.items():
        quoted = granted.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'\tcaps {daemon_type} = "{quoted}"')
    return "\n".join(lines) + "\n"


def _new_key() -> str:
    """Return a new secret as `ceph-authtool --gen-key` writes it: type AES, time, length, 16 random bytes."""
    now = time.time_ns()
    header = struct.pack("<hiih", 1, now // 10**9, now % 10**9, 16)
    return base64.b64encode(header + os.urandom(16)).decode()


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123  (mode at creation)
        file.write(text)

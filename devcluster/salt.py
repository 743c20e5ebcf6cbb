"""The private Salt master and the nodes' minions: configuration, keys, programs.

Keys are made here before anything starts, as on a real deployment they come with a node's installation: each minion
knows the master's fingerprint, the starter knows each minion's and has just that key accepted. Both sides run the
project's `salt/` folder from where it lies.
"""

import asyncio
import json
import os
import pwd
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from configuration import Settings
from configuration.settings import PROJECT_ROOT
from cthulhu.remote.salt import keys
from devcluster.ceph_configuration import READ_NAME, WRITE_NAME, CephPaths
from devcluster.environment import plain
from devcluster.plan import LOOPBACK, Node, Plan, is_free, is_listening
from devcluster.program import Program

NODE_CODE = PROJECT_ROOT / "salt"
KEY_BITS = 2048
# A minion mostly does not heed SIGTERM at all. Nothing is lost by killing it: its journal is written before it acts.
MINION_STOP_TIMEOUT = 1.0
BIN = Path(sys.executable).parent


class KeyNotOffered(Exception):
    """A minion did not show its key to the master in time."""


@dataclass(frozen=True)
class SaltCluster:
    """Salt in the home of `settings`, one minion per node of `plan`."""

    settings: Settings
    plan: Plan

    @property
    def master_folder(self) -> Path:
        """Folder of the master's configuration."""
        folder = self.settings.salt_configuration
        assert folder is not None  # noqa: S101  (filled in by the settings' validator)
        return folder

    @property
    def master_sockets(self) -> Path:
        """Folder of the master's Unix sockets."""
        return self.settings.run_dir / "salt"

    def minion_folder(self, node: Node) -> Path:
        """Return the folder of a minion's configuration, keys and state."""
        return self.settings.home / "salt" / node.name

    @property
    def ports_taken(self) -> list[int]:
        """Which of the master's ports another program listens on."""
        return [port for port in (self.plan.salt_publish_port, self.plan.salt_return_port) if not is_free(port)]

    def prepare(self) -> None:
        """Write all configuration; make the keys that are missing."""
        _make_key(self.master_folder / "pki", "master")
        self.master_sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self.master_folder / "master", self._master_options())
        for node in self.plan.nodes:
            folder = self.minion_folder(node)
            _make_key(folder / "pki", "minion")
            (self.settings.run_dir / node.name).mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(folder / "minion", self._minion_options(node))

    def master(self) -> Program:
        """Return the master's program."""
        stale = (self.master_folder / "master.pid",)
        return self._program("salt-master", "salt-master", self.master_folder, stale)

    def minions(self) -> dict[str, Program]:
        """Return the minions' programs by name."""
        programs = (
            self._program(
                f"minion.{node.name}",
                "salt-minion",
                self.minion_folder(node),
                # A minion does not start while this file names a living process, and numbers are used again.
                (self.minion_folder(node) / "minion.pid",),
                node.name,
            )
            for node in self.plan.nodes
        )
        return {program.name: program for program in programs}

    async def wait_for_master(self, timeout: float = 60.0) -> None:
        """Return when the master's event bus and both ports are there.

        Raises:
            TimeoutError: they were not in time.
        """
        async with asyncio.timeout(timeout):
            while not (
                is_listening(self.plan.salt_publish_port)
                and is_listening(self.plan.salt_return_port)
                and (self.master_sockets / "master_event_pub.ipc").exists()
            ):
                await asyncio.sleep(0.1)

    async def accept_keys(self, timeout: float = 60.0) -> None:
        """Accept each minion's key once the master has seen it.

        Raises:
            KeyNotOffered: a minion did not show one in time.
            cthulhu.remote.salt.keys.KeyRefused: it showed another than the one made for it.
        """
        await asyncio.to_thread(self._accept_keys, timeout)

    def _accept_keys(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        waiting = {node.name: self.minion_folder(node) / "pki" / "minion.pub" for node in self.plan.nodes}
        while waiting:
            offered = {key.minion for key in keys.list_keys(self.master_folder)}
            for name in offered & waiting.keys():
                keys.accept(self.master_folder, name, keys.fingerprint(waiting.pop(name).read_text()))
            if waiting and time.monotonic() > deadline:
                raise KeyNotOffered(f"no key from {', '.join(waiting)} within {timeout:.0f} s")
            time.sleep(0.2)

    def _program(
        self, name: str, command: str, folder: Path, stale: tuple[Path, ...], node: str | None = None
    ) -> Program:
        environment = {**plain(), "PYTHONWARNINGS": "ignore"}
        arguments = [str(BIN / command), "-c", str(folder), "-l", "warning"]
        if node is None:
            return Program(name, arguments, environment, stale=stale)
        # The supervisor restarts a minion sooner than the minion's own keep-alive parent would.
        arguments.append("--disable-keepalive")
        return Program(name, arguments, environment, node=node, stale=stale, stop_timeout=MINION_STOP_TIMEOUT)

    def _common_options(self, folder: Path, sockets: Path, pid_file: str) -> dict[str, Any]:
        return {
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "publish_port": self.plan.salt_publish_port,
            # Every path is given whole; with another root folder, Salt would put those outside it below it.
            "root_dir": "/",
            "extension_modules": str(folder / "cache" / "extmods"),
            "pillar_roots": {"base": []},
            "pki_dir": str(folder / "pki"),
            "cachedir": str(folder / "cache"),
            "sock_dir": str(sockets),
            "pidfile": str(folder / pid_file),
            "ipc_mode": "ipc",
            # What it says goes to standard error, where the supervisor bounds it.
            "log_file": str(folder / "log"),
            "log_level_logfile": "quiet",
            "log_fmt_console": "%(levelname)s %(name)s: %(message)s",
        }

    def _master_options(self) -> dict[str, Any]:
        folder = self.master_folder
        return self._common_options(folder, self.master_sockets, "master.pid") | {
            "interface": LOOPBACK,
            "ret_port": self.plan.salt_return_port,
            "auto_accept": False,
            "worker_threads": 3,
            "token_dir": str(folder / "tokens"),
            "key_logfile": str(folder / "key.log"),
            "sqlite_queue_dir": str(folder / "cache" / "queues"),
            "syndic_dir": str(folder / "cache" / "syndics"),
            "file_roots": {"base": [str(NODE_CODE)]},
            # Returns are read from the event bus; a copy of each on disk would serve nobody.
            "job_cache": False,
        }

    def _minion_options(self, node: Node) -> dict[str, Any]:
        folder = self.minion_folder(node)
        ceph = CephPaths.of(self.settings)
        return self._common_options(folder, ceph.sockets(node), "minion.pid") | {
            "id": node.name,
            "master": LOOPBACK,
            "master_port": self.plan.salt_return_port,
            "master_finger": keys.fingerprint((self.master_folder / "pki" / "master.pub").read_text()),
            # Found again within a second or two after the master was away; the defaults are for thousands of minions.
            "acceptance_wait_time": 1,
            "random_reauth_delay": 1,
            "recon_default": 100,
            "recon_max": 1000,
            "auth_timeout": 10,
            "auth_tries": 100,
            "master_tries": -1,
            # Facts about the host that nobody asks for and that cost a second each at start.
            "enable_gpu_grains": False,
            "enable_fqdns_grains": False,
            "mine_enabled": False,
            "module_dirs": [str(NODE_CODE / "_modules")],
            "utils_dirs": [str(NODE_CODE / "_utils")],
            "engines_dirs": [str(NODE_CODE / "_engines")],
            "engines": [{"ceph_watcher": {"heartbeat_period": self.settings.heartbeat_period}}],
            "whitelist_modules": ["ceph"],
            "calamari": {
                "conf": str(ceph.node_folder(node) / "ceph.conf"),
                "cluster": "ceph",
                "run_dir": str(ceph.sockets(node)),
                "read_name": READ_NAME,
                "read_keyring": str(ceph.node_keyring(node, READ_NAME)),
                "write_name": WRITE_NAME,
                "write_keyring": str(ceph.node_keyring(node, WRITE_NAME)),
                "state_dir": str(folder / "calamari"),
            },
        }


def _make_key(folder: Path, name: str) -> None:
    """Make the key pair `name`.pem and `name`.pub as Salt itself would, unless it is there."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    if private.exists() and public.exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = serialization.Encoding.PEM
    private.unlink(missing_ok=True)
    private.touch(mode=0o400)
    private.chmod(0o600)
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    )
    private.chmod(0o400)
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))


def _write(file: Path, options: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # JSON is YAML.
    file.write_text(json.dumps(options, indent=2))

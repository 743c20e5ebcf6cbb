"""A real salt-master and its minions on loopback, each with folders of its own, running the project's `salt/`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cthulhu.remote.salt import keys
from tests.salt.processes import Daemon, free_ports, wait_for

PROJECT = Path(__file__).resolve().parent.parent.parent
NODE_CODE = PROJECT / "salt"
BIN = Path(sys.executable).parent


class SmallSalt:
    """A running master and minions. `master_configuration` is what `SaltRemote` takes."""

    def __init__(self, folder: Path, minions: dict[str, dict[str, Any]]) -> None:
        self.folder = folder
        self.master_configuration = folder / "master"
        self.minions = minions
        self.publish_port, self.return_port = free_ports(2)
        self.processes: dict[str, Daemon] = {}

    def start(self) -> None:
        self._write_master()
        self.start_process("master", "salt-master")
        for name, options in self.minions.items():
            self._write_minion(name, options)
        wait_for((self.folder / "master/sock/publish_pull.ipc").exists, 30, "the salt-master")
        for name in self.minions:
            self.start_process(name, "salt-minion")
        for name in self.minions:
            self.accept(name)

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.kill()

    def start_process(self, name: str, program: str) -> None:
        arguments = [str(BIN / program), "-c", str(self.folder / name), "-l", "warning"]
        self.processes[name] = Daemon(arguments, self.folder / f"{name}.out", PYTHONWARNINGS="ignore")

    def accept(self, name: str) -> None:
        """Accept the minion's key by the fingerprint of the file on the node."""
        public = self.folder / name / "pki" / "minion.pub"
        wait_for(public.exists, 30, f"{name}'s key")
        expected = keys.fingerprint(public.read_text())

        def offered() -> bool:
            return any(key.minion == name for key in keys.list_keys(self.master_configuration))

        wait_for(offered, 60, f"{name} to offer its key")
        keys.accept(self.master_configuration, name, expected)

    def _write_master(self) -> None:
        home = self.folder / "master"
        self._write(
            home / "master",
            self._common(home)
            | {
                "interface": "127.0.0.1",
                "ret_port": self.return_port,
                "worker_threads": 3,
                "auto_accept": False,
                "job_cache": False,
                "token_dir": str(home / "tokens"),
                "key_logfile": str(home / "key.log"),
                "file_roots": {"base": [str(NODE_CODE)]},
            },
        )

    def _write_minion(self, name: str, options: dict[str, Any]) -> None:
        home = self.folder / name
        self._write(
            home / "minion",
            self._common(home)
            | {
                "id": name,
                "master": "127.0.0.1",
                "master_port": self.return_port,
                "acceptance_wait_time": 1,
                "random_reauth_delay": 1,
                "recon_default": 100,
                "recon_max": 1000,
                "auth_timeout": 10,
                "auth_tries": 100,
                "enable_gpu_grains": False,
                "enable_fqdns_grains": False,
                "mine_enabled": False,
                "module_dirs": [str(NODE_CODE / "_modules")],
                "engines_dirs": [str(NODE_CODE / "_engines")],
                "utils_dirs": [str(NODE_CODE / "_utils")],
                "engines": [{"ceph_watcher": {}}],
                "whitelist_modules": ["ceph"],
                "calamari": {**options, "state_dir": str(home / "state")},
            },
        )

    def _common(self, home: Path) -> dict[str, Any]:
        return {
            "user": subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip(),
            "publish_port": self.publish_port,
            "root_dir": str(home),
            "pki_dir": str(home / "pki"),
            "cachedir": str(home / "cache"),
            "sock_dir": str(home / "sock"),
            "log_file": str(home / "log"),
            "pidfile": str(home / "pid"),
            "ipc_mode": "ipc",
        }

    def _write(self, file: Path, options: dict[str, Any]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(options))  # JSON is YAML

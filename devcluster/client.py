"""What talks to a running development cluster: the commands of `python -m devcluster`, and tests.

A `DevCluster` holds nothing but the home's address; several may be used for one home.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from configuration import Settings
from configuration.settings import PROJECT_ROOT
from devcluster import home

# Longer than everything takes to stop, one phase after the other.
DOWN_TIMEOUT = 60.0


class NotRunning(Exception):
    """No supervisor answers in this home."""


class StartFailed(Exception):
    """The cluster did not come up; the message is the end of its log."""


class Refused(Exception):
    """The supervisor refused a command; the message says why."""


def silent(_line: str) -> None:
    """Report no progress."""


class DevCluster:
    """The development cluster of one home, running or not.

    Args:
        environment: the whole environment that it runs in, CALAMARI_HOME, CALAMARI_PORT and so on included; this
            process's own by default.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self.settings = _settings_in(self._environment)

    def up(
        self, *options: str, tied: bool = False, timeout: float = 240.0, report: Callable[[str], None] = silent
    ) -> dict[str, Any]:
        """Start it in the background and return its status once everything serves.

        Args:
            options: of `python -m devcluster run`, such as `--nodes=1`.
            tied: end it when this process ends, however that happens; for tests.
            timeout: seconds after which it is taken down again.
            report: called with each step of progress.

        Raises:
            StartFailed: see there; nothing is left running.
        """
        parent = [f"--parent={os.getpid()}"] if tied else []
        process = subprocess.Popen(
            [sys.executable, "-m", "devcluster", "run", "--quiet", *parent, *options],
            env=self._environment,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            return self._follow(process, time.monotonic() + timeout, report)
        except BaseException:
            process.terminate()
            process.wait()
            raise

    def _follow(
        self, process: "subprocess.Popen[bytes]", deadline: float, report: Callable[[str], None]
    ) -> dict[str, Any]:
        """Report the progress of a starting cluster; return its status once everything serves."""
        told = 0
        while process.poll() is None:
            try:
                status = self.status()
            except NotRunning:
                status = {}
            # Until the home's lock is taken or refused, another one may answer.
            if status.get("guardian") == process.pid:
                for line in status["progress"][told:]:
                    report(line)
                    told += 1
                if status["ready"]:
                    return status
            if time.monotonic() > deadline:
                raise StartFailed(f"not up in time\n{self._end_of_log()}")
            time.sleep(0.1)
        assert process.stderr is not None  # noqa: S101  (stderr=PIPE)
        raise StartFailed(process.stderr.read().decode(errors="replace") or self._end_of_log())

    def down(self) -> bool:
        """Stop everything and return when it is gone; return whether anything ran.

        Raises:
            TimeoutError: it is still there after DOWN_TIMEOUT seconds.
        """
        if not self.is_running():
            return False
        deadline = time.monotonic() + DOWN_TIMEOUT
        asked = False
        while self.is_running():
            # One that has only just started does not listen yet.
            with contextlib.suppress(NotRunning):
                if not asked:
                    self._ask({"action": "down"})
                    asked = True
            if time.monotonic() > deadline:
                raise TimeoutError(f"what runs in {self.settings.home} has not ended within {DOWN_TIMEOUT:.0f} s")
            time.sleep(0.05)
        return True

    def is_running(self) -> bool:
        """Tell whether a supervisor holds the home's lock, be it starting, serving or stopping."""
        if not self.settings.home.exists():
            return False
        try:
            home.lock(self.settings, patience=0).close()
        except home.HomeInUse:
            return True
        return False

    def status(self) -> dict[str, Any]:
        """Return ready, progress, home, url, fsid, guardian, supervisor (pids) and programs (rows).

        Raises:
            NotRunning: see there.
        """
        return self._ask({"action": "status"})

    def kill(self, name: str) -> dict[str, Any]:
        """SIGKILL a program or a node's programs; they stay down. `Refused`, `NotRunning` as for all below."""
        return self._ask({"action": "kill", "name": name})

    def pause(self, name: str) -> dict[str, Any]:
        """Freeze a program or a node's programs (SIGSTOP)."""
        return self._ask({"action": "pause", "name": name})

    def resume(self, name: str) -> dict[str, Any]:
        """Let what was frozen go on."""
        return self._ask({"action": "resume", "name": name})

    def stop(self, name: str) -> dict[str, Any]:
        """Stop a program or a node's programs in order; they stay down."""
        return self._ask({"action": "stop", "name": name})

    def start(self, name: str) -> dict[str, Any]:
        """Start what was stopped or killed."""
        return self._ask({"action": "start", "name": name})

    def ceph(self, *words: str, timeout: float = 30.0) -> Any:
        """Run `ceph WORDS -f json` as client.admin and return its answer, None when it says nothing.

        Raises:
            subprocess.CalledProcessError, subprocess.TimeoutExpired: it failed; stderr says why.
        """
        arguments = ["ceph", "-c", str(self.ceph_conf), "--connect-timeout", str(int(timeout)), *words, "-f", "json"]
        done = subprocess.run(arguments, capture_output=True, check=True, timeout=timeout + 5, stdin=subprocess.DEVNULL)
        return json.loads(done.stdout) if done.stdout.strip() else None

    @property
    def ceph_conf(self) -> Path:
        """The file with which `ceph -c` reaches the cluster as client.admin."""
        return self.settings.home / "devcluster" / "ceph.conf"

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(home.control_socket(self.settings)))
                connection.sendall(json.dumps(request).encode() + b"\n")
                text = connection.makefile().readline()
            except OSError:
                text = ""
        if not text:
            raise NotRunning(f"no development cluster is running in {self.settings.home}")
        answer: dict[str, Any] = json.loads(text)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    def _end_of_log(self) -> str:
        log = home.merged_log(self.settings)
        return "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else ""


def _settings_in(environment: Mapping[str, str]) -> Settings:
    """Return the settings that a child with `environment` will have."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        return Settings()
    finally:
        os.environ.clear()
        os.environ.update(before)

"""Start daemons so that every one of them, with all it started, is gone when its test is."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# A test that succeeds never waits this long; one on a busy machine may have to.
LEAST_PATIENCE = 60


class Daemon:
    """One process in a session of its own, so that its whole group can be killed by number."""

    def __init__(self, arguments: list[str], log: Path, **environment: str) -> None:
        self.arguments, self.log, self.environment = arguments, log, environment
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill the whole group and wait until the last of it is gone: a minion refuses to start beside its ghost."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not self._group_exists(), 30, "the end of a process group")

    def _group_exists(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now, below the range that the kernel hands out to clients."""
    ports: list[int] = []
    candidate = 20000 + os.getpid() * 7 % 10000
    while len(ports) < count:
        candidate += 1
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", candidate))
            ports.append(candidate)
    return ports


def wait_for(condition: Callable[[], T], seconds: float, what: str) -> T:
    """Return the condition's first true value."""
    until = time.monotonic() + max(seconds, LEAST_PATIENCE)
    while True:
        if value := condition():
            return value
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)

"""What Linux knows about processes: who descends from whom, which session they are in, and how to end them.

`guardian` and `children` rest on it. Processes are found by descent and session, never by name, so that other copies
on the same machine are never touched. Fields as in proc(5), `/proc/[pid]/stat`.
"""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Process:
    """One row of the process table. `started` counts clock ticks since boot and tells apart users of a reused pid."""

    pid: int
    parent: int
    session: int
    state: str
    started: int

    @property
    def is_zombie(self) -> bool:
        """Whether it has ended and only waits to be reaped."""
        return self.state in {"Z", "X"}


def read(pid: int) -> Process | None:
    """Return the process `pid`, None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name stands in parentheses and may contain anything, so the fields are counted from its end.
    fields = text[text.rindex(b")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[3]), fields[0].decode(), int(fields[19]))


def is_running(process: Process) -> bool:
    """Tell whether this very process has not ended; another one with its pid does not count."""
    now = read(process.pid)
    return now is not None and now.started == process.started and not now.is_zombie


def snapshot() -> dict[int, Process]:
    """Return all processes by pid."""
    found = (read(int(entry.name)) for entry in os.scandir("/proc") if entry.name.isdigit())
    return {process.pid: process for process in found if process}


def descendants(ancestor: int, table: dict[int, Process] | None = None) -> list[Process]:
    """Return children, grandchildren and so on of `ancestor`, without itself."""
    children: dict[int, list[Process]] = {}
    for process in (snapshot() if table is None else table).values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [process.pid for process in below]
    return found


def family(leader: int) -> list[Process]:
    """Return the living processes of a session's `leader`: itself, its descendants, whoever else is in the session.

    A member whose own parent has died is no longer a descendant but still in the session.
    """
    table = snapshot()
    below = {process.pid for process in descendants(leader, table)}
    return [
        process
        for process in table.values()
        if not process.is_zombie and (leader in {process.pid, process.session} or process.pid in below)
    ]


def send(number: signal.Signals, processes: Iterable[Process]) -> None:
    """Send a signal to each of `processes` that is still there."""
    for process in processes:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue


def become_subreaper() -> None:
    """Become the parent of every descendant whose own parent dies, instead of process 1 (prctl(2))."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Have the kernel end this process when `parent` does.

    Raises:
        ProcessLookupError: the parent is gone already.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(f"process {parent}, which started this one, has ended")


def kill_descendants(timeout: float = 10.0) -> bool:
    """Kill and reap all descendants of this process, also those that are being started; return whether all are gone.

    The caller is a subreaper, so that a dead parent's children stay within reach, and starts nothing meanwhile.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        send(signal.SIGKILL, (process for process in descendants(os.getpid()) if not process.is_zombie))
        if not _reap_all():
            return True
        time.sleep(0.01)
    return False


def _reap_all() -> bool:
    """Reap what has ended; return whether any child is left."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

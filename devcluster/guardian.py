"""Two processes that watch each other, so that whatever kills one of them leaves nothing running.

The guardian is the process that was started by hand; the supervisor is its only child and does the work. A pipe whose
one end only the guardian holds tells the supervisor that the guardian died; being the supervisor's parent tells the
guardian the reverse. Both are subreapers: every process started below them stays their descendant whatever its
own parent does, and `kill_descendants` finds it.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType

from devcluster.process_table import become_subreaper, die_with, kill_descendants

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_guarded(supervise: Callable[[int], int], parent: int | None = None) -> int:
    """Run `supervise` in a child process and return its exit code once it and all its descendants are gone.

    Args:
        supervise: gets the file descriptor that becomes readable when the guardian has died; it is then to kill its
            own descendants and end.
        parent: pid of the process whose death ends everything too (make, which does not pass on its own kill -9).
    """
    if parent is not None:
        die_with(parent)
    become_subreaper()
    guardian_died, held_by_guardian = os.pipe()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(held_by_guardian)
        os._exit(_become_supervisor(supervise, guardian_died))
    os.close(guardian_died)

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(supervisor, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    status = _wait_for(supervisor)
    # A pid is free for reuse once reaped: nothing may be forwarded any more.
    for number in FORWARDED:
        signal.signal(number, signal.SIG_IGN)
    kill_descendants()
    return os.waitstatus_to_exitcode(status)


def _become_supervisor(supervise: Callable[[int], int], guardian_died: int) -> int:
    """Run `supervise` away from the terminal's process group: Ctrl-C reaches it through the guardian alone."""
    os.setsid()
    become_subreaper()
    try:
        return supervise(guardian_died)
    finally:
        kill_descendants()


def _wait_for(supervisor: int) -> int:
    """Reap until the supervisor has ended; return its wait status."""
    while True:
        pid, status = os.wait()
        if pid == supervisor:
            return status

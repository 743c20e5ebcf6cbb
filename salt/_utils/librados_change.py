"""Send one changing command to Ceph: at most once, and never after its deadline.

A program for the node's own /usr/bin/python3, started by `_modules/ceph.py` with the step's journal entry as an open,
locked file, which it keeps locked until it ends. It writes what it does into that entry, so that the answer is known
even when the job that started it was killed.

Never late, even when this process is stopped (SIGSTOP) at the worst moment: a kernel timer set to the deadline kills
it, and a stopped process meets that signal before it runs another instruction. The clock is read once more right before
the command is handed to librados, for the case that the clock was set meanwhile. A command that is still unanswered at
the deadline ends the same way: the connection dies with the process, its outcome is then read from the cluster.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

LARGEST_OUTPUT = 64 * 1024
EPOCH_PATIENCE = 5.0
NO_ANSWER = -110  # -ETIMEDOUT: librados gave up waiting; the command may have run


def main():
    """Run the order given as one JSON line on stdin; the journal holds the result."""
    import ceph_journal  # noqa: PLC0415
    import ceph_programs  # noqa: PLC0415

    order = json.loads(sys.stdin.readline())
    journal = order["journal"]

    def record(state, **fields):
        ceph_journal.append(journal, state, **fields)

    die_at(order["not_after"])
    connection = reach_cluster(order, record)
    if connection is None:
        return
    record("sending", pid=os.getpid(), born=ceph_programs.birth(os.getpid()))
    if time.time() >= order["not_after"]:
        record("refused", reason="its deadline passed before it could be sent")
        return
    code, output, status = send(connection, order)
    signal.setitimer(signal.ITIMER_REAL, EPOCH_PATIENCE)
    if code == NO_ANSWER:
        record("unanswered", reason=f"no answer from the cluster: {status or 'timed out'}")
        return
    record("answered", code=code, status=text(status.encode(errors="replace")), output=text(output))
    record("finished", epoch=osd_map_epoch(connection) if order["await_map"] else None)


def die_at(not_after):
    """Let the kernel end this process at `not_after` (Unix seconds), whatever it does then."""
    remaining = not_after - time.time()
    if remaining <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, remaining)


def reach_cluster(order, record):
    """Return the connection, or None after recording why there is none: then nothing was sent."""
    import librados_connection  # noqa: PLC0415
    import rados  # noqa: PLC0415

    patience = str(max(1, int(order["not_after"] - time.time()) + 1))
    try:
        return librados_connection.connect(**order["ceph"], rados_mon_op_timeout=patience)
    except rados.Error as error:
        record("refused", reason=f"no connection to the cluster: {error}")
        return None


def send(connection, order):
    """Hand the command to librados; see `librados_connection.ask`."""
    import librados_connection  # noqa: PLC0415

    return librados_connection.ask(connection, order["target"], order["command"])


def osd_map_epoch(connection):
    """Return the OSD map's epoch as the monitor that acknowledged the command sees it, or None."""
    import librados_connection  # noqa: PLC0415

    code, output, _ = librados_connection.ask(connection, "mon", {"prefix": "osd stat", "format": "json"})
    return json.loads(output)["epoch"] if code == 0 else None


def text(data):
    """Return at most LARGEST_OUTPUT bytes of what a daemon said as text; daemons do not promise UTF-8."""
    return data[:LARGEST_OUTPUT].decode("utf-8", "replace")


if __name__ == "__main__":
    main()

"""The node's own memory of changing commands: what makes each run at most once, whatever Salt repeats or delays.

One file per step of a request holds JSON lines, appended and synced to disk before the act they announce:
`claimed` -> `sending` -> `answered` (or `unanswered`) -> `finished`; or `refused`; or `withdrawn`.
The step belongs to whoever holds the file's lock: the job's process and the program that sends the command, which
inherits it. Hence a step whose lock is free has nobody left who could act on it.

Neighbors: `_modules/ceph.py` claims and reads, `librados_change.py` writes what it does. Standard library only, because
both interpreters of a node import it.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from pathlib import Path

REQUEST_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
LARGEST_ENTRY = 2**20
# A record may go only when no repeat of its job can still be within its deadline; deadlines are minutes, this is days.
RETENTION = 14 * 86400
PRUNE_PERIOD = 3600


class Entry:
    """One step's file.

    Invariants: lines are only ever appended; a torn last line (a crash while writing) counts as not written; while
    `locked` is True no other process can claim the step.
    """

    def __init__(self, path, descriptor, locked):
        self.path = path
        self.descriptor = descriptor
        self.locked = locked

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def records(self):
        """Return what is written, oldest first: list of dicts, each with `state` and `at` (Unix seconds)."""
        return parse(os.pread(self.descriptor, LARGEST_ENTRY, 0))

    def append(self, state, **fields):
        """Write one record and return when it is on disk.

        Raises:
            OSError: the disk is full or broken; then nothing may be done.
        """
        append(self.descriptor, state, **fields)

    def lock(self, patience=0.0):
        """Try for `patience` seconds to become the one who may act; return whether it worked."""
        until = time.monotonic() + patience
        while not self.locked:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.locked = True
            if self.locked or time.monotonic() >= until:
                break
            time.sleep(0.02)
        return self.locked


def parse(data):
    """Return the complete JSON lines of `data` (bytes) that are records."""
    records = []
    for line in data.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and "state" in record:
                records.append(record)
    return records


def append(descriptor, state, **fields):
    """Append one record to an open entry and sync it.

    A line break goes first where a crash left a torn line, so that the new record stands on a line of its own.

    Raises:
        OSError: it could not be written.
    """
    size = os.fstat(descriptor).st_size
    torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    line = json.dumps({"state": state, "at": time.time(), **fields}).encode()
    data = (b"\n" if torn else b"") + line + b"\n"
    if os.write(descriptor, data) != len(data):
        raise OSError("the journal's record was written only in part")
    os.fsync(descriptor)


def open_entry(folder, request_id, step, create):
    """Open the file of one step, locked if nobody else holds it.

    Args:
        folder: the journal's folder; made, mode 0700, when missing.
        request_id: matches REQUEST_ID.
        step: the step's number within the request.
        create: make the file when there is none.

    Returns:
        Entry, or None when there is no such file and `create` is False.

    Raises:
        OSError: the folder or the file cannot be used.
    """
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{request_id}.{step}"
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    while True:
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            if create:
                raise
            return None
        entry = Entry(path, descriptor, locked=False)
        entry.lock()
        if _still_there(path, descriptor):
            if create:
                _sync_folder(folder)
            return entry
        os.close(descriptor)


def prune(folder, now=None):
    """Delete entries older than RETENTION, at most once in PRUNE_PERIOD; never one that somebody holds.

    Args:
        folder: the journal's folder.
        now: Unix seconds; the present time when None.
    """
    now = time.time() if now is None else now
    marker = Path(folder) / ".pruned"
    with contextlib.suppress(FileNotFoundError):
        if 0 <= now - marker.stat().st_mtime < PRUNE_PERIOD:
            return
    marker.touch()
    os.utime(marker, (now, now))
    for item in os.scandir(folder):
        if item.name != marker.name and now - item.stat().st_mtime > RETENTION:
            _delete_unless_held(Path(item.path))


def _delete_unless_held(path):
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def _still_there(path, descriptor):
    """Whether the file just opened is still the one of that name: `prune` may have deleted it in between."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _sync_folder(folder):
    """Make a new file's name survive a crash: syncing the file alone does not (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Remember the lines of the cluster's audit log that concern us, for longer than the cluster does.

The monitors hand out the last `mon_log_max_summary` lines of a channel only (50 unless set), which a busy minute pushes
out. But they also push each line to whoever subscribes to the log, and go on after a reconnect where they stopped. So
each node's watcher writes down those that carry our keys (`note`, called by librados), and `find_in_audit` reads them.

What a command of ours leaves there (Ceph 16.2, measured):
- `from='client.? 127.0.0.1:0/123' entity='client.calamari-write' cmd=[{"prefix": ...}]: dispatch` by the monitor that
  got it; the same with an empty address by the leader, when that is another one. INF or DBG, as the command has it.
- `from='client.? ...' entity=... cmd='[{...}]': finished`, INF, by the leader, once a change is committed. A command
  that fails, or finds nothing to change, has no such line.
- `... cmd=[{...}]:  access denied` instead, when the identity lacks the capability.
- Commands of the manager leave one DBG line `: dispatch`, by the manager, and none that says finished.
"""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

OUR_KEY = b'"calamari_request": "'
LARGEST_FILE = 2**20
LONGEST_LINE = 8192


class Memory:
    """A file of JSON lines, and the one before it, each at most about LARGEST_FILE bytes.

    Invariants: a line {"listening_since", "pid", "born"} opens every run of a watcher's reader.
    """

    def __init__(self, path, pid, born):
        self.path = Path(path)
        self._write({"listening_since": iso(time.time()), "pid": pid, "born": born})

    def note(self, arg, line, who, seconds, nanoseconds, sequence, level, message):
        """Take one line of the cluster log, in the form of `rados.MonitorLog`'s callback (bytes and numbers)."""
        if OUR_KEY in message:
            text = message[:LONGEST_LINE].decode("utf-8", "replace")
            self._write({"stamp": iso(seconds + nanoseconds / 1e9), "message": text})

    def _write(self, record):
        if self.path.exists() and self.path.stat().st_size > LARGEST_FILE:
            self.path.replace(f"{self.path}.old")
        with self.path.open("ab") as file:
            file.write(json.dumps(record).encode() + b"\n")


def remembered(path, birth):
    """Return what a node's watcher wrote down.

    Args:
        path: the memory's file.
        birth: function that tells when a process started, see `ceph_programs.birth`.

    Returns:
        (entries, since): list of {"stamp", "message"}; the ISO time since which nothing was missed, None when nobody is
        listening now.
    """
    entries, since = [], None
    for file in (f"{path}.old", path):
        data = Path(file).read_bytes() if os.path.exists(file) else b""  # noqa: PTH110
        for line in data.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # cut off by a crash
            if "listening_since" in record:
                since = record["listening_since"] if birth(record["pid"]) == record["born"] else None
            else:
                entries.append(record)
    return entries, since


def matching(entries, entity, request_id, step):
    """Return the distinct messages, oldest first, that quote a step's command as sent by `entity`.

    The order of keys in a quoted command is not relied on.
    """
    marks = (f"entity='{entity}'", f'"calamari_request": "{request_id}"', f'"calamari_step": "{step}"')
    found = sorted((entry["stamp"], entry["message"]) for entry in entries)
    return list(dict.fromkeys(message for _, message in found if all(mark in message for mark in marks)))


def iso(seconds):
    """Return Unix seconds as `ceph log last` writes times, so that both sort together."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")

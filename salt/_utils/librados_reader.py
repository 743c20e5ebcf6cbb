"""Answer questions about a cluster over one held librados connection, for the node's watcher.

A program for the node's own /usr/bin/python3. Questions come as JSON lines on stdin, one at a time; an answer is one
JSON line on stdout, followed by `size` bytes where it carries data. It ends when stdin does, and it may be killed at
any time: it changes nothing.

    {"op": "connect", "ceph": {...}, "socket": path|null, "audit": path|null}
                                                            -> {"fsid": str}
    {"op": "epoch"}                                         -> {"epoch": int}
    {"op": "status"}                                        -> {"marks": {map: mark}}
    {"op": "map", "map": str, "known": int|str|null}        -> {"version": ..., "marks": {...}, "size": n} + zlib(JSON)
                                                               size 0: the version is the known one
    {"op": "command", "target": "mon"|"mgr", "command": {}} -> {"code": int, "status": str, "size": n} + output
    anything that fails                                     -> {"error": str}

`epoch` is asked many times a second, so it must not be a command: the monitors write every command into the audit log,
which would flood it (and push out what others look for: they keep the last 50 lines only). Instead librados compares
its own OSD map with the monitors' newest (rados_wait_for_latest_osdmap, a MMonGetVersion message) and its counter
`objecter.map_epoch` is read from its admin socket.
"""

import json
import os
import socket
import sys
import zlib
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

LARGEST_OUTPUT = 256 * 2**20
MAP_EPOCH = b'{"prefix": "perf dump", "logger": "objecter", "counter": "map_epoch"}\0'


class Session:
    """The connection and how its own admin socket is found."""

    def __init__(self):
        self.connection = None
        self.socket = None
        self.first_epoch = 0
        self.audit_subscription = None

    def connect(self, ceph, socket, audit):
        """Connect.

        Args:
            ceph: see `librados_connection.connect`.
            socket: where librados may put its admin socket; None when `epoch` will not be asked.
            audit: where to write down the audit log's lines that concern us; None for nowhere.
        """
        import librados_connection  # noqa: PLC0415

        options = {}
        if socket:
            # A socket's name holds 107 bytes at most (unix(7)); through the folder's descriptor any folder will do.
            folder = os.open(Path(socket).parent, os.O_PATH | os.O_DIRECTORY)
            self.socket = f"/proc/self/fd/{folder}/{Path(socket).name}"
            options["admin_socket"] = self.socket
        self.connection = librados_connection.connect(**ceph, **options)
        # The first question about a pool makes librados fetch the OSD map, which `epoch` then keeps current. The
        # counter stays 0 until that map moves, so the epoch to start from is asked for once, afterwards.
        self.connection.pool_exists("")
        if audit:
            self._remember_audit_lines(audit)
        self.first_epoch = json.loads(self._output("mon", {"prefix": "osd stat"}))["epoch"]
        return {"fsid": self.connection.get_fsid()}, b""

    def epoch(self):
        """Return the newest epoch of the OSD map that a monitor knows."""
        self.connection.wait_for_latest_osdmap()
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(2)
            admin.connect(self.socket)
            admin.sendall(MAP_EPOCH)
            with admin.makefile("rb") as answer:
                size = int.from_bytes(answer.read(4), "big")
                counter = json.loads(answer.read(size))["objecter"]["map_epoch"]
        return {"epoch": max(counter, self.first_epoch)}, b""

    def status(self):
        """Return the marks by which changes of everything but the OSD map show."""
        import ceph_maps  # noqa: PLC0415

        output = self._output("mon", {"prefix": "status"})
        return {"marks": ceph_maps.marks("status", json.loads(output.decode("utf-8", "replace")))}, b""

    def map(self, map, known):  # noqa: A002
        """Return a map, or only its version when that is the known one."""
        import ceph_maps  # noqa: PLC0415

        target, command, _ = ceph_maps.MAPS[map]
        content, canonical, version = ceph_maps.read(map, self._output(target, command))
        data = b"" if version == known else zlib.compress(canonical, 1)
        return {"map": map, "version": version, "marks": ceph_maps.marks(map, content)}, data

    def command(self, target, command):
        """Run a read-only command and return its answer as it is."""
        import librados_connection  # noqa: PLC0415

        code, output, status = librados_connection.ask(self.connection, target, command)
        return {"code": code, "status": status}, output[:LARGEST_OUTPUT]

    def _remember_audit_lines(self, path):
        import ceph_audit  # noqa: PLC0415
        import ceph_programs  # noqa: PLC0415
        import rados  # noqa: PLC0415

        memory = ceph_audit.Memory(path, os.getpid(), ceph_programs.birth(os.getpid()))
        self.audit_subscription = rados.MonitorLog(self.connection, "debug", memory.note, None)

    def _output(self, target, command):
        answer, output = self.command(target, {**command, "format": "json"})
        if answer["code"] != 0:
            raise RuntimeError(f"{command['prefix']}: {answer['status'] or os.strerror(abs(answer['code']))}")
        if len(output) >= LARGEST_OUTPUT:
            raise RuntimeError(f"{command['prefix']}: the answer is too large")
        return output


def main():
    """Serve questions until stdin ends."""
    session = Session()
    operations = {
        "connect": session.connect,
        "epoch": session.epoch,
        "status": session.status,
        "map": session.map,
        "command": session.command,
    }
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer, data = operations[question.pop("op")](**question)
        except Exception as error:  # noqa: BLE001  (whatever a daemon sends, the next question is served)
            answer, data = {"error": f"{type(error).__name__}: {error}"[:1000]}, b""
        header = json.dumps({**answer, "size": len(data)}).encode() + b"\n"
        sys.stdout.buffer.write(header + data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

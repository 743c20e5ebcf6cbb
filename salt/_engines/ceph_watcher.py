"""Watch the cluster from this node and tell the master what moved.

A Salt engine: it lives as long as the minion. Every node says once a second that it is there (a heartbeat); while the
server's lease is here (`ceph.watch` in `_modules/ceph.py` writes it), whole maps follow as they change. The questions
go to a reader (`_utils/librados_reader.py`) over one held connection; slow questions, those that the manager answers,
go to a second one, so that a missing manager delays nothing else.

What is asked, and when, follows from one rule: no question is worth more than what it can tell. Every command lands in
the monitors' audit log, so only `status` is asked regularly; it shows what else has moved. The OSD map's epoch, which
must be seen within milliseconds, is no command at all.
"""

import base64
import glob
import json
import logging
import os
import secrets
import selectors
import socket
import time
from pathlib import Path

log = logging.getLogger(__name__)

PART = 384 * 1024  # bytes; as base64 512 KiB: two of them stay below Salt's max_event_size of 1 MiB
TICK_WITH_LEASE = 0.025
TICK_WITHOUT = 0.5
LEASE_TICK = 0.05
STATUS_TICK = 1.0
# The longest time a map goes without being asked, for changes that leave no mark elsewhere.
REFRESH = {"config": 5.0, "health": 15.0, "pg_summary": 15.0, "df": 15.0, "mgr_map": 15.0}
REFRESH_OTHERS = 60.0
# The shortest time between two askings of what is dear to compute.
PAUSE = {"pg_summary": 2.0, "df": 2.0, "service_map": 2.0}
RETRY = 2.0
FAST_PATIENCE = 3.0
SLOW_PATIENCE = 30.0
DAEMON_TICK = 2.0
COMPLAINT_PERIOD = 60.0
FAST = ("osd_map", "health", "mon_status", "mon_map", "crush_map", "osd_metadata", "mgr_map", "fs_map", "df", "config")
SLOW = ("pg_summary", "service_map")


def start(heartbeat_period=1.0):
    """Run for ever; called by Salt in a process of its own.

    Args:
        heartbeat_period: seconds between heartbeats.
    """
    watcher = Watcher(heartbeat_period)
    while True:
        try:
            watcher.turn()
        except Exception:  # noqa: BLE001  (the watch must outlive whatever one turn meets; it is logged)
            watcher.complain("the watcher's turn failed", exc_info=True)
            time.sleep(1)


class Watcher:
    """Everything the engine knows.

    Invariants: `sequence` grows with every message; `sent` holds, per map, the version that the lease's holder has.
    """

    def __init__(self, heartbeat_period):
        options = __opts__["calamari"]
        self.options = options
        self.heartbeat_period = heartbeat_period
        self.boot = secrets.token_hex(8)
        self.sequence = 0
        self.fsid = ""
        self.lease = None
        self.lease_stat = None
        self.sent = {}
        self.connected = False
        self.answered_at = time.monotonic()
        self.error = "not connected yet"
        self.next_heartbeat = 0.0
        self.next_lease_check = 0.0
        self.next_daemons = 0.0
        self.daemons = []
        self.complained = {}
        self.messenger = __utils__["ceph_messenger.messenger"](__opts__)
        state_dir = Path(options["state_dir"])
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.lease_file = state_dir / "lease"
        self.fast = Lane(self, FAST, FAST_PATIENCE, state_dir)
        self.slow = Lane(self, SLOW, SLOW_PATIENCE, None)

    def turn(self):
        """Do what is due and wait for the next answer or tick."""
        now = time.monotonic()
        self.check_lease(now)
        self.fast.turn(now)
        if self.lease:
            self.slow.turn(now)
        else:
            self.slow.stop()
        if now >= self.next_heartbeat:
            self.heartbeat(now)
        lanes = [lane for lane in (self.fast, self.slow) if lane.waiting]
        until = min(self.next_heartbeat, self.next_lease_check, *(lane.next_turn() for lane in (self.fast, self.slow)))
        self.wait(lanes, max(0.0, until - time.monotonic()))

    def wait(self, lanes, seconds):
        """Sleep until a reader answers or `seconds` are over."""
        if not lanes:
            time.sleep(seconds)
            return
        with selectors.DefaultSelector() as selector:
            for lane in lanes:
                selector.register(lane.reader, selectors.EVENT_READ)
            selector.select(seconds)

    def check_lease(self, now):
        """Follow the lease file: a renewal sends again what its `since` lacks, an expired lease ends the pushing."""
        if now < self.next_lease_check:
            return
        self.next_lease_check = now + LEASE_TICK
        try:
            found = self.lease_file.stat()
            stat = (found.st_ino, found.st_mtime_ns)
        except FileNotFoundError:
            stat = None
        if stat and stat != self.lease_stat:
            self.take_lease(json.loads(self.lease_file.read_text(encoding="utf-8")), now)
        self.lease_stat = stat
        if self.lease and time.time() >= self.lease["until"]:
            self.lease = None

    def take_lease(self, lease, now):
        """Begin or go on under `lease`, from the versions that its holder has."""
        taken = self.lease is None or self.lease["lease"] != lease["lease"]
        self.lease = lease
        behind = {name for name, version in self.sent.items() if lease["since"].get(name) != version}
        self.sent = dict(lease["since"])
        for lane in (self.fast, self.slow):
            lane.due.update(lane.maps if taken else behind & set(lane.maps))
        if taken:
            self.next_heartbeat = now

    def connection_changed(self, error):
        """Note that the cluster answers (error None) or why it does not, and say so at once when that is new."""
        if (error is None) != self.connected:
            self.next_heartbeat = 0.0
        self.connected, self.error = error is None, error
        if error is None:
            self.answered_at = time.monotonic()

    def heartbeat(self, now):
        """Say that this node is there, and what it sees."""
        self.next_heartbeat = now + self.heartbeat_period
        if now >= self.next_daemons:
            self.next_daemons = now + DAEMON_TICK
            self.daemons = living_daemons(self.options["run_dir"], self.options.get("cluster", "ceph"))
        self.send(
            kind="heartbeat",
            cluster=self.options.get("cluster", "ceph"),
            connected=self.connected,
            silence=max(0.0, now - self.answered_at),
            error=self.error,
            daemons=self.daemons,
            versions=self.fast.versions | self.slow.versions,
        )

    def push(self, name, version, data):
        """Send one whole map (compressed JSON) in parts; return whether the master took it."""
        parts = max(1, -(-len(data) // PART))
        for part in range(parts):
            piece = base64.b64encode(data[part * PART : (part + 1) * PART]).decode()
            if not self.send(kind="map", map=name, version=version, part=part, parts=parts, data=piece):
                self.sent.pop(name, None)
                return False
        self.sent[name] = version
        return True

    def send(self, **body):
        """Sign one message and put it on the master's event bus; return whether the master took it."""
        self.sequence += 1
        body |= {
            "node": __opts__["id"],
            "boot": self.boot,
            "sequence": self.sequence,
            "time": time.time(),
            "fsid": self.fsid,
            "lease": self.lease["lease"] if self.lease else None,
        }
        if not self.messenger.introduced():
            return False
        envelope = __utils__["ceph_envelope.seal"](__opts__["pki_dir"], body)
        taken = self.messenger.send(f"calamari/node/{__opts__['id']}", envelope)
        if not taken:
            self.complain("the master takes no messages")
        return taken

    def complain(self, message, **details):
        """Log a warning, the same one at most once a minute."""
        now = time.monotonic()
        if now - self.complained.get(message, -COMPLAINT_PERIOD) >= COMPLAINT_PERIOD:
            self.complained[message] = now
            log.warning("ceph_watcher: %s", message, **details)


class Lane:
    """One reader and the questions that go to it, one at a time.

    Invariants: `due` holds the maps to ask for; `asked` is the open question's map, or its operation.
    """

    def __init__(self, watcher, maps, patience, state_dir):
        self.watcher = watcher
        self.maps = maps
        self.patience = patience
        self.files = {"socket": None, "audit": None}
        if state_dir is not None:
            self.files = {"socket": str(state_dir / "watcher.asok"), "audit": str(state_dir / "audit")}
        self.reader = None
        self.waiting = False
        self.asked = None
        self.restart_at = 0.0
        self.due = set()
        self.marks = {}
        self.versions = {}
        self.last = {}
        self.next_tick = 0.0
        self.next_status = 0.0
        self.failures = __utils__["ceph_reader.failure"]()

    @property
    def watches(self):
        """Whether this lane is the one that follows epochs and marks."""
        return self.files["socket"] is not None

    def turn(self, now):
        """Take the answer if there is one, and put the next question."""
        try:
            if self.reader is None:
                if now < self.restart_at:
                    return
                self.connect()
            if self.waiting:
                self.take_answer(now)
            if not self.waiting:
                self.ask_next(now)
        except self.failures as failure:
            self.fail(str(failure), now)

    def next_turn(self):
        """Return when something is to be done here, as of `time.monotonic`."""
        if self.reader is None:
            return self.restart_at if self.watches or self.watcher.lease else float("inf")
        if self.waiting:
            return self.reader.deadline
        if not self.watches:
            return time.monotonic() + TICK_WITHOUT
        return self.next_tick

    def connect(self):
        """Start a reader and have it connect."""
        options = self.watcher.options
        self.reader = __utils__["ceph_reader.start"](
            options.get("python", "/usr/bin/python3"), __utils__["ceph_programs.path"]("librados_reader.py")
        )
        ceph = {
            "conf": options["conf"],
            "cluster": options.get("cluster", "ceph"),
            "name": options["read_name"],
            "keyring": options["read_keyring"],
        }
        self.put("connect", 5.0, op="connect", ceph=ceph, **self.files)

    def put(self, asked, seconds, **question):
        """Send a question and remember what it is about."""
        self.reader.send(seconds, **question)
        self.asked, self.waiting = asked, True

    def ask_next(self, now):
        """Choose the next question: the epoch first, then maps that are due, then what may have moved."""
        lease = self.watcher.lease
        if self.watches and now >= self.next_tick:
            self.next_tick = now + (TICK_WITH_LEASE if lease else TICK_WITHOUT)
            self.put("epoch", self.patience, op="epoch")
            return
        if not lease or not self.watcher.messenger.ready():
            return
        if self.watches and now >= self.next_status:
            self.next_status = now + STATUS_TICK
            self.put("status", self.patience, op="status")
            return
        for name in self.maps:
            age = now - self.last.get(name, -REFRESH_OTHERS)
            if age >= REFRESH.get(name, REFRESH_OTHERS) or (name in self.due and age >= PAUSE.get(name, 0.0)):
                self.last[name] = now
                self.due.discard(name)
                self.put(name, self.patience, op="map", map=name, known=self.watcher.sent.get(name))
                return

    def take_answer(self, now):
        """Use the open question's answer if it has come."""
        try:
            answer = self.reader.poll()
        except self.failures as failure:
            if self.reader.process.poll() is not None or self.asked in ("connect", "epoch", "status"):
                raise
            # The cluster refuses or cannot answer this one question: the others go on.
            self.waiting = False
            self.versions.pop(self.asked, None)
            self.last[self.asked] = now - REFRESH.get(self.asked, REFRESH_OTHERS) + RETRY
            self.watcher.complain(f"{self.asked} cannot be read: {failure}")
            return
        if answer is not None:
            self.waiting = False
            self.use(*answer)

    def use(self, answer, data):
        """Act on one answer."""
        watcher = self.watcher
        if self.asked == "connect":
            watcher.fsid = answer["fsid"]
            self.due.update(self.maps)
        elif self.asked == "epoch":
            if answer["epoch"] != self.versions.get("osd_map"):
                self.versions["osd_map"] = answer["epoch"]
                self.due.add("osd_map")
        elif self.asked == "status":
            self.follow(answer["marks"], watcher.slow, self)
        else:
            self.versions[self.asked] = answer["version"]
            self.follow(answer["marks"], self)
            if data and watcher.lease and not watcher.push(self.asked, answer["version"], data):
                self.due.add(self.asked)
        if self.watches:
            watcher.connection_changed(None)

    def follow(self, marks, *lanes):
        """Make due what the marks say has moved."""
        for name, mark in marks.items():
            for lane in lanes:
                if name in lane.maps and lane.marks.get((self.asked, name)) != mark:
                    lane.marks[self.asked, name] = mark
                    lane.due.add(name)

    def fail(self, error, now):
        """Give the reader up and try again soon."""
        self.stop()
        self.restart_at = now + 0.5
        if self.watches:
            self.watcher.connection_changed(error)
        self.watcher.complain(f"lost the cluster: {error}")

    def stop(self):
        """End the reader, if there is one."""
        if self.reader is not None:
            self.reader.kill()
        self.reader, self.waiting, self.versions = None, False, {}


def living_daemons(run_dir, cluster):
    """Return the names, such as `osd.0`, of this node's daemons whose admin socket answers a connection.

    Args:
        run_dir: folder of admin sockets, named `$cluster-$name.asok` as Ceph's default is.
        cluster: the cluster's name.
    """
    daemons = []
    for path in sorted(glob.glob(str(Path(glob.escape(run_dir)) / f"{glob.escape(cluster)}-*.asok"))):  # noqa: PTH207
        name = Path(path).name.removeprefix(f"{cluster}-").removesuffix(".asok")
        kind, _, ident = name.partition(".")
        if kind in ("mon", "mgr", "osd", "mds") and ident and _answers(path):
            daemons.append(name)
    return daemons


def _answers(path):
    """Whether somebody listens: a daemon that was killed leaves its socket's file behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.2)
        try:
            folder = os.open(Path(path).parent, os.O_PATH | os.O_DIRECTORY)
            try:
                probe.connect(f"/proc/self/fd/{folder}/{Path(path).name}")
            finally:
                os.close(folder)
        except OSError:
            return False
    return True

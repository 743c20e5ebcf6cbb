"""What the server may ask of a node: to watch its cluster, and to run one changing monitor command at most once.

Called by jobs of the Salt master (`cthulhu.remote.salt` publishes them). Each function answers with a signed envelope
(`_utils/ceph_envelope.py`) and never raises, because Salt's own report of an exception carries no signature.
Neighbors: `_engines/ceph_watcher.py` pushes the maps, `_utils/ceph_journal.py` remembers what ran,
`_utils/librados_change.py` runs it.

Arguments come from the network and are checked here, whoever sent them. There is no shell anywhere.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

PREFIX = re.compile(r"^[a-z][a-z0-9 _-]{0,99}$")
ARGUMENT = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")
LEASE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")
LARGEST_COMMAND = 64 * 1024
LONGEST_LEASE = 600
LONGEST_DEADLINE = 3600
CLOCK_TOLERANCE = 5.0
# What is left of a program after its deadline is killed by its own timer at once; this only covers a busy machine.
GRACE = 10.0
STEP_LIMIT = 100_000


class Invalid(ValueError):
    """An argument has the wrong type, form or size."""


def watch(lease, since, seconds, **salt):
    """Take or renew the lease under which this node's watcher pushes maps.

    Args:
        lease: the lease's id; a new one replaces the old one.
        since: {map: version} that the server has; maps that differ are sent whole.
        seconds: how long the lease holds from now.
        salt: what Salt adds, with the job's id.

    Returns:
        envelope of {"kind": "watch", "node", "job_id", "lease"}, or of an error (see `_answer`).
    """

    def body():
        _check(isinstance(lease, str) and LEASE.match(lease), "lease is not an id")
        _check(isinstance(since, dict) and len(since) <= 64, "since is not a dict of versions")
        _check(all(isinstance(v, (int, str)) and len(str(v)) <= 64 for v in since.values()), "a version is malformed")
        _check(_is_number(seconds) and 0 < seconds <= LONGEST_LEASE, f"seconds is not in 0..{LONGEST_LEASE}")
        record = {"lease": lease, "since": since, "until": time.time() + seconds, "renewal": _job_id(salt)}
        folder = _state_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = folder / f"lease.{os.getpid()}"
        new.write_text(json.dumps(record), encoding="utf-8")
        new.replace(folder / "lease")
        return {"kind": "watch", "lease": lease}

    return _answer("watch", salt, body)


def run_command(request_id, step, issued_at, not_after, target, command, await_map, **salt):
    """Run one command that changes the cluster: once, and only before its deadline.

    Args:
        request_id: id of the request.
        step: number of the step in it; with `request_id` it names the run for good.
        issued_at: the server's clock when it sent the job, Unix seconds.
        not_after: Unix seconds after which nothing may be sent to the cluster.
        target: `mon`, or `mgr` for commands that the active manager serves.
        command: dict with `prefix` and arguments, as of `ceph --format json`.
        await_map: also read the OSD map's epoch after the acknowledgement.
        salt: what Salt adds, with the job's id.

    Returns:
        envelope of {"kind": "result", "node", "job_id", "request_id", "step", "outcome", "code", "status", "output",
        "epoch", "started_at", "finished_at", "replayed", "reason"}. `outcome` is `done`, `failed` (the cluster refused
        it: `code` is the negative errno, `status` its words), `refused` (nothing was sent: `reason`), `unknown` (it
        may have run), `running` (another process is at it).
    """

    def body():
        _check_step(request_id, step)
        _check(_is_number(issued_at) and _is_number(not_after), "issued_at and not_after are not times")
        _check(issued_at < not_after <= issued_at + LONGEST_DEADLINE, "not_after does not suit issued_at")
        _check(target in ("mon", "mgr"), "target is neither mon nor mgr")
        _check(isinstance(await_map, bool), "await_map is not true or false")
        _check_command(command)
        with __utils__["ceph_journal.open_entry"](_journal_dir(), request_id, step, create=True) as entry:
            __utils__["ceph_journal.prune"](_journal_dir())
            fingerprint = hashlib.sha256(json.dumps([target, command], sort_keys=True).encode()).hexdigest()
            known = entry.records()
            if not entry.locked or known:
                return _repeated(entry, known, request_id, step, fingerprint)
            refusal = _refusal(issued_at, not_after)
            if refusal:
                entry.append("refused", reason=refusal)
            else:
                entry.append("claimed", job_id=_job_id(salt), not_after=not_after, command=fingerprint)
                _run_program(entry, request_id, step, not_after, target, command, await_map)
            return _result(entry, request_id, step, held=False)

    return _answer("run_command", salt, body)


def outcome(request_id, step, **salt):
    """Tell what became of a step, and make sure that one which has not started never will.

    A program that still holds the step after its deadline is frozen; it is killed, so that the answer is final.

    Args:
        request_id: id of the request.
        step: number of the step.
        salt: what Salt adds, with the job's id.

    Returns:
        envelope as of `run_command`, with `replayed` true; `outcome` is `absent` where the step never came here.
    """

    def body():
        _check_step(request_id, step)
        with __utils__["ceph_journal.open_entry"](_journal_dir(), request_id, step, create=True) as entry:
            if entry.locked and not entry.records():
                entry.append("withdrawn")
            if not entry.locked:
                _end_frozen_program(entry)
            return _result(entry, request_id, step, held=not entry.locked, replayed=True, asked=True)

    return _answer("outcome", salt, body)


def find_in_audit(request_id, step, **salt):
    """Look for a step's command in the cluster's own audit log: what it shows last, and what this node remembers of it.

    A step that is not found although `oldest` is before it was issued was never seen by the cluster.
    `_utils/ceph_audit.py` tells what a command leaves there.

    Args:
        request_id: id of the request.
        step: number of the step.
        salt: what Salt adds, with the job's id.

    Returns:
        envelope of {"kind": "audit", "node", "job_id", "request_id", "step", "found", "finished", "lines", "oldest"};
        `oldest` is the ISO time since which no line was missed, None when the log is empty.
    """

    def body():
        _check_step(request_id, step)
        shown = _audit_log()
        remembered, since = __utils__["ceph_audit.remembered"](
            str(_state_dir() / "audit"), __utils__["ceph_programs.birth"]
        )
        lines = __utils__["ceph_audit.matching"](shown + remembered, _option("write_name"), request_id, step)
        reaches = [entry["stamp"] for entry in shown] + ([since] if since else [])
        return {
            "kind": "audit",
            "request_id": request_id,
            "step": step,
            "found": bool(lines),
            "finished": any(line.endswith(": finished") for line in lines),
            "lines": [line[:4096] for line in lines[-20:]],
            "oldest": min(reaches, default=None),
        }

    return _answer("find_in_audit", salt, body)


def _answer(function, salt, make_body):
    """Sign what `make_body` returns; whatever goes wrong in it becomes {"kind": "error", "function", "error"}."""
    try:
        body = make_body()
    except Exception as error:  # noqa: BLE001  (an unsigned exception would not count as this node's word)
        body = {"kind": "error", "function": f"ceph.{function}", "error": f"{type(error).__name__}: {error}"[:2000]}
    body |= {"node": __opts__["id"], "job_id": _job_id(salt)}
    return __utils__["ceph_envelope.seal"](__opts__["pki_dir"], body)


def _repeated(entry, known, request_id, step, fingerprint):
    """Answer a step that was here before: from the journal, whatever its deadline now says."""
    claimed = next((record for record in known if record["state"] == "claimed"), None)
    if claimed and claimed["command"] != fingerprint:
        return _body(request_id, step, "refused", reason="another command was sent under this step before")
    return _result(entry, request_id, step, held=not entry.locked, replayed=True)


def _refusal(issued_at, not_after):
    now = time.time()
    if now >= not_after:
        return f"it arrived {now - not_after:.1f} s after its deadline"
    if issued_at > now + CLOCK_TOLERANCE:
        return f"the clocks are apart: it was sent {issued_at - now:.1f} s in this node's future"
    return None


def _run_program(entry, request_id, step, not_after, target, command, await_map):
    """Start the program that sends the command and wait until it ended, which its own timer enforces."""
    marked = {**command, "calamari_request": request_id, "calamari_step": str(step)}
    order = {
        "journal": entry.descriptor,
        "ceph": _identity("write"),
        "not_after": not_after,
        "target": target,
        "command": marked,
        "await_map": await_map,
    }
    program = subprocess.Popen(
        [_python(), "-I", __utils__["ceph_programs.path"]("librados_change.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(entry.descriptor,),
        start_new_session=True,
    )
    with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
        program.communicate(json.dumps(order).encode() + b"\n", timeout=max(0.0, not_after - time.time()) + GRACE)
    program.kill()
    program.wait()


def _end_frozen_program(entry):
    """Kill the program of a step whose deadline has passed, and take the step over if that frees it."""
    records = entry.records()
    claimed = next((record for record in records if record["state"] == "claimed"), None)
    if claimed is None or time.time() <= claimed["not_after"] + GRACE:
        return
    sending = next((record for record in records if record["state"] == "sending"), None)
    if sending and __utils__["ceph_programs.birth"](sending["pid"]) == sending["born"]:
        os.kill(sending["pid"], signal.SIGKILL)
        entry.lock(patience=2.0)


def _result(entry, request_id, step, held, replayed=False, asked=False):
    """Read a step's journal as an answer. `held`: somebody may still act on it; `asked`: by `outcome`."""
    records = {record["state"]: record for record in entry.records()}
    body = _body(request_id, step, "unknown", replayed=replayed)
    body["started_at"] = records.get("sending", {}).get("at")
    if "answered" in records:
        answered = records["answered"]
        body |= {key: answered[key] for key in ("code", "status", "output")}
        body |= {"outcome": "failed" if answered["code"] else "done", "finished_at": answered["at"]}
        body["epoch"] = records.get("finished", {}).get("epoch")
    elif "withdrawn" in records:
        body |= {"outcome": "absent" if asked else "refused", "reason": "the server had given it up before it arrived"}
    elif "refused" in records:
        body |= {"outcome": "refused", "reason": records["refused"]["reason"]}
    elif "unanswered" in records:
        body |= {"outcome": "unknown", "reason": records["unanswered"]["reason"]}
    elif held and not _overdue(records):
        body |= {"outcome": "running", "reason": "another process is at it"}
    elif "sending" in records:
        body |= {"outcome": "unknown", "reason": "it was cut off while the command was on its way"}
    else:
        body |= {"outcome": "refused", "reason": "it was cut off before the command was sent"}
        if not held:
            entry.append("refused", reason=body["reason"])
    return body


def _overdue(records):
    """Whether a step that somebody holds can nevertheless not be sent any more: nothing is sent after the deadline."""
    return "claimed" in records and time.time() > records["claimed"]["not_after"] + GRACE


def _body(request_id, step, outcome, replayed=False, reason=""):
    return {
        "kind": "result",
        "request_id": request_id,
        "step": step,
        "outcome": outcome,
        "code": 0,
        "status": "",
        "output": "",
        "epoch": None,
        "started_at": None,
        "finished_at": None,
        "replayed": replayed,
        "reason": reason,
    }


def _audit_log():
    """Return the cluster's audit lines: list of dicts with `stamp` (ISO time) and `message`."""
    reader = __utils__["ceph_reader.start"](_python(), __utils__["ceph_programs.path"]("librados_reader.py"))
    try:
        reader.ask(8, op="connect", ceph=_identity("read"), socket=None, audit=None)
        command = {"prefix": "log last", "num": 10000, "level": "debug", "channel": "audit", "format": "json"}
        answer, output = reader.ask(8, op="command", target="mon", command=command)
    finally:
        reader.kill()
    if answer["code"] != 0:
        raise RuntimeError(f"log last: {answer['status']}")
    return json.loads(output.decode("utf-8", "replace"))


def _check(condition, complaint):
    if not condition:
        raise Invalid(complaint)


def _check_step(request_id, step):
    pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
    _check(isinstance(request_id, str) and re.fullmatch(pattern, request_id), "request_id is not an id")
    _check(isinstance(step, int) and not isinstance(step, bool) and 0 <= step < STEP_LIMIT, "step is not a number")


def _check_command(command):
    _check(isinstance(command, dict), "command is not a dict")
    prefix = command.get("prefix")
    _check(isinstance(prefix, str) and PREFIX.fullmatch(prefix), "the command's prefix is malformed")
    for key, value in command.items():
        _check(isinstance(key, str) and ARGUMENT.fullmatch(key), "an argument's name is malformed")
        _check(not key.startswith("calamari_"), f"{key} is not the caller's to set")
        values = value if isinstance(value, list) else [value]
        _check(all(isinstance(item, (str, int, float)) for item in values), f"{key} is no text, number or list of them")
    _check(len(json.dumps(command)) <= LARGEST_COMMAND, "the command is too large")


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _job_id(salt):
    return str(salt.get("__pub_jid", ""))


def _option(name, default=None):
    """Return one entry of the minion option `calamari`."""
    options = __opts__.get("calamari", {})
    if name not in options and default is None:
        raise Invalid(f"the minion's option calamari:{name} is missing")
    return options.get(name, default)


def _identity(role):
    """Return what `librados_connection.connect` needs for the identity `read` or `write`."""
    return {
        "conf": _option("conf"),
        "cluster": _option("cluster", "ceph"),
        "name": _option(f"{role}_name"),
        "keyring": _option(f"{role}_keyring"),
    }


def _python():
    """Return the interpreter that python3-rados is installed for: the distribution's own."""
    return _option("python", "/usr/bin/python3")


def _state_dir():
    return Path(_option("state_dir"))


def _journal_dir():
    return str(_state_dir() / "journal")

"""What another minion, with a key that the master accepted, can put on the bus, and that none of it counts."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import salt.channel.client
import salt.config

from cthulhu.remote.port import Heartbeat, JobReturn
from cthulhu.remote.salt.event_bus import listen
from tests.salt.listener import Listener
from tests.salt.small_salt import SmallSalt


class ForgingMinion:
    """Speaks to the master with node2's key and says what it likes."""

    def __init__(self, salt_master: SmallSalt) -> None:
        options = salt.config.minion_config(str(salt_master.folder / "node2" / "minion"))
        options["master_uri"] = f"tcp://127.0.0.1:{salt_master.return_port}"
        self.channel = salt.channel.client.ReqChannel.factory(options)

    def send(self, **load: Any) -> None:
        token = self.channel.auth.gen_token(b"salt")
        self.channel.send({"id": "node2", "tok": token, "pretag": None, **load}, timeout=10)

    def put_on_bus(self, tag: str, data: Any) -> None:
        """Use the form in which the master forwards a minion's data without its own marks."""
        self.send(cmd="_minion_event", events=[{"tag": tag, "data": data}])


@pytest.fixture
def forger(salt_master: SmallSalt) -> Iterator[ForgingMinion]:
    minion = ForgingMinion(salt_master)
    yield minion
    minion.channel.close()


def genuine_envelope(nodes: Listener, node: str) -> dict[str, str]:
    """Return an envelope as `node` signed it, caught on the bus."""
    for event in listen(nodes.remote._options):
        if event.tag == f"calamari/node/{node}":
            return event.data["data"]
    raise AssertionError


def watcher_event(node: str, envelope: Any) -> dict[str, Any]:
    return {"cmd": "_minion_event", "id": node, "tag": f"calamari/node/{node}", "data": envelope, "pretag": None}


def test_a_forged_heartbeat_does_not_count(nodes: Listener, forger: ForgingMinion) -> None:
    body = json.loads(genuine_envelope(nodes, "node1")["body"])
    signature = genuine_envelope(nodes, "node2")["signature"]
    marker = {"cluster": "forged", "sequence": body["sequence"] + 1000}
    forged = {"body": json.dumps(body | marker), "signature": signature}
    since = nodes.mark()
    forger.put_on_bus("calamari/node/node1", watcher_event("node1", forged))
    forger.put_on_bus("calamari/node/node1", watcher_event("node2", forged))
    forger.put_on_bus("calamari/node/node1", forged)
    forger.put_on_bus("calamari/node/node1", watcher_event("node1", {"body": forged["body"]}))

    nodes.heartbeat("node1", lambda h: True, since=since + 4)
    beats = [e for e in nodes.events[since:] if isinstance(e, Heartbeat)]
    assert {beat.cluster for beat in beats} == {"ceph"}


def test_a_repeated_heartbeat_does_not_count(nodes: Listener, forger: ForgingMinion) -> None:
    old = genuine_envelope(nodes, "node1")
    sequence = json.loads(old["body"])["sequence"]
    nodes.heartbeat("node1", lambda h: h.sequence > sequence)
    since = nodes.mark()
    forger.put_on_bus("calamari/node/node1", watcher_event("node1", old))
    time.sleep(2)

    beats = [e for e in nodes.events[since:] if isinstance(e, Heartbeat) and e.node == "node1"]
    assert beats
    assert all(beat.sequence > sequence for beat in beats)


def test_a_node_cannot_sign_for_another(nodes: Listener, forger: ForgingMinion) -> None:
    """node2's own, valid envelope under node1's tag."""
    since = nodes.mark()
    forger.put_on_bus("calamari/node/node1", watcher_event("node1", genuine_envelope(nodes, "node2")))
    time.sleep(1.5)

    assert not [e for e in nodes.events[since:] if isinstance(e, Heartbeat) and e.node == "node1" and not e.daemons]


def test_a_forged_return_does_not_count(nodes: Listener, forger: ForgingMinion) -> None:
    job_id = nodes.remote.new_job_id()
    body = {
        "kind": "result", "node": "node1", "job_id": job_id, "request_id": "r", "step": 0, "outcome": "done", "code": 0,
        "status": "", "output": "", "epoch": 1, "started_at": 1.0, "finished_at": 1.0, "replayed": False, "reason": "",
    }  # fmt: skip
    signature = genuine_envelope(nodes, "node2")["signature"]
    since = nodes.mark()
    for answer in ({"body": json.dumps(body), "signature": signature}, body, "The minion function caused an exception"):
        load = {"cmd": "_return", "id": "node1", "jid": job_id, "fun": "ceph.run_command", "success": False}
        forger.put_on_bus(f"salt/job/{job_id}/ret/node1", load | {"return": answer})
        forger.send(**load | {"id": "node2", "return": answer, "fun_args": [], "retcode": 0})
    time.sleep(1)

    assert not [e for e in nodes.events[since:] if isinstance(e, JobReturn)]


def test_a_genuine_return_does_not_answer_another_job(nodes: Listener, forger: ForgingMinion) -> None:
    first = nodes.remote.new_job_id()
    captured: dict[str, Any] = {}

    bus = listen(nodes.remote._options)
    next(bus)
    nodes.remote.publish("node1", "ceph.outcome", {"request_id": str(uuid.uuid4()), "step": 0}, first)
    for event in bus:
        if event.tag == f"salt/job/{first}/ret/node1":
            captured = event.data
            break
    second = nodes.remote.new_job_id()
    since = nodes.mark()
    forger.put_on_bus(f"salt/job/{second}/ret/node1", captured | {"jid": second})
    time.sleep(1)

    assert not [e for e in nodes.events[since:] if isinstance(e, JobReturn) and e.job_id == second]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"cmd": "_return"},
        {"cmd": ["_return"], "id": {}},
        {"cmd": "_return", "id": "node1", "fun": 7},
    ],
)
def test_rubbish_under_our_tags_stops_nothing(nodes: Listener, forger: ForgingMinion, data: Any) -> None:
    for tag in (
        "calamari/node/node1",
        "calamari/node/",
        "calamari/node/../../x",
        "salt/job/x/ret/node1",
        "salt/job/ret",
    ):
        forger.put_on_bus(tag, data)
        forger.put_on_bus(tag, watcher_event("node1", data))

    nodes.heartbeat("node1", lambda h: True, since=nodes.mark())


def test_functions_beyond_ours_are_not_served(nodes: Listener, salt_master: SmallSalt) -> None:
    """`whitelist_modules`: even the master cannot have a shell."""
    marker = salt_master.folder / "owned"
    nodes.remote.publish("node1", "cmd.run", {"cmd": f"touch {marker}"}, nodes.remote.new_job_id())
    nodes.call("node1", "ceph.outcome", request_id="after", step=0)
    time.sleep(1)

    assert not marker.exists()

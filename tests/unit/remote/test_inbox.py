"""What of the bus becomes an event: only what its node signed, in the shape it should have, and once."""

import base64
import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from cthulhu.remote.port import Heartbeat, JobReturn, MapUpdate
from cthulhu.remote.salt.configuration import master_options
from cthulhu.remote.salt.envelopes import EnvelopeVerifier
from cthulhu.remote.salt.event_bus import BusEvent
from cthulhu.remote.salt.remote import Inbox

FSID = "1c9a0a3e-5b5e-4f0e-9a53-0a7f2c6d8e11"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("node1", "node2", "stranger")}


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A master that has accepted node1's and node2's keys and has one of a stranger pending."""
    folder = tmp_path_factory.mktemp("master")
    options = {"root_dir": str(folder), "pki_dir": str(folder / "pki"), "cachedir": str(folder / "cache")}
    (folder / "master").write_text(json.dumps(options))
    for name, key in KEYS.items():
        file = folder / "pki" / ("minions_pre" if name == "stranger" else "minions") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        file.write_bytes(public)
    return folder


@pytest.fixture
def inbox(configuration: Path) -> Inbox:
    return Inbox(EnvelopeVerifier(master_options(configuration)), largest_map=100_000, clock_tolerance=5)


def seal(signer: str, body: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(body)
    return {"body": text, "signature": KEYS[signer].sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()}


def heartbeat(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "heartbeat", "node": "node1", "boot": "b", "sequence": 1, "time": time.time(), "fsid": FSID,
        "cluster": "ceph", "connected": True, "silence": 0.1, "error": None, "lease": None,
        "daemons": ["mon.a", "osd.0"], "versions": {"osd_map": 7, "health": "abc"},
    } | changes  # fmt: skip


def map_part(**changes: Any) -> dict[str, Any]:
    data = base64.b64encode(zlib.compress(b'{"epoch": 7}')).decode()
    return {
        "kind": "map", "node": "node1", "boot": "b", "sequence": 2, "time": time.time(), "fsid": FSID, "lease": "l",
        "map": "osd_map", "version": 7, "part": 0, "parts": 1, "data": data,
    } | changes  # fmt: skip


def on_bus(body: dict[str, Any], signer: str = "node1", node: str = "node1", **changes: Any) -> BusEvent:
    data = {"cmd": "_minion_event", "id": node, "data": seal(signer, body)} | changes
    return BusEvent(f"calamari/node/{node}", data, time.time())


def returned(result: dict[str, Any], signer: str = "node1", **changes: Any) -> BusEvent:
    fields = {"node": "node1", "job_id": "j1"}
    data = {"cmd": "_return", "id": "node1", "jid": "j1", "fun": "ceph.watch"}
    return BusEvent("salt/job/j1/ret/node1", data | {"return": seal(signer, fields | result)} | changes, time.time())


WATCH = {"kind": "watch", "lease": "l"}


def test_a_heartbeat_is_read(inbox: Inbox) -> None:
    event = inbox.take(on_bus(heartbeat()))

    assert isinstance(event, Heartbeat)
    assert (event.node, event.fsid, event.daemons) == ("node1", FSID, ("mon.a", "osd.0"))
    assert event.versions == {"osd_map": 7, "health": "abc"}


def test_a_map_is_read(inbox: Inbox) -> None:
    event = inbox.take(on_bus(map_part()))

    assert isinstance(event, MapUpdate)
    assert (event.map, event.version, event.content, event.lease) == ("osd_map", 7, {"epoch": 7}, "l")


def test_a_return_is_read(inbox: Inbox) -> None:
    event = inbox.take(returned(WATCH))

    assert isinstance(event, JobReturn)
    assert event.success
    assert event.result == {"kind": "watch", "lease": "l", "node": "node1", "job_id": "j1"}


def test_an_error_of_the_function_is_a_return_without_success(inbox: Inbox) -> None:
    event = inbox.take(returned({"kind": "error", "function": "ceph.watch", "error": "Invalid: x"}))

    assert isinstance(event, JobReturn)
    assert (event.success, event.result, event.error) == (False, None, "Invalid: x")


@pytest.mark.parametrize(
    "event",
    [
        on_bus(heartbeat(), signer="node2"),
        on_bus(heartbeat(node="node2")),
        on_bus(heartbeat(), node="node2"),
        on_bus(heartbeat(), signer="stranger", node="stranger"),
        on_bus(heartbeat(), id="node2"),
        on_bus(heartbeat(), cmd="_return"),
        on_bus(heartbeat(), data={"body": json.dumps(heartbeat()), "signature": "00"}),
        on_bus(heartbeat(), data={"body": json.dumps(heartbeat()), "signature": "zz"}),
        on_bus(heartbeat(), data={"body": json.dumps(heartbeat())}),
        on_bus(heartbeat(), data="text"),
        on_bus(heartbeat(daemons=["mon.a\n"])),
        on_bus(heartbeat(daemons="mon.a")),
        on_bus(heartbeat(connected="yes")),
        on_bus(heartbeat(time=float("nan"))),
        on_bus(heartbeat(sequence=0)),
        on_bus(heartbeat(fsid="../..")),
        on_bus(heartbeat(versions={"osd_map": -1})),
        on_bus(heartbeat(error="x" * 5000)),
        on_bus(heartbeat(kind="other")),
        on_bus(map_part(part=1)),
        on_bus(map_part(lease=None)),
        on_bus(map_part(map="../x")),
        on_bus(map_part(data="x" * 700_000)),
        returned(WATCH, signer="node2"),
        returned(WATCH | {"node": "node2"}),
        returned(WATCH | {"job_id": "j2"}),
        returned(WATCH, jid="j2"),
        returned(WATCH, id="node2"),
        returned(WATCH, cmd="_minion_event"),
        returned(WATCH, fun="ceph.run_command"),
        returned(WATCH, fun="ceph.unknown"),
        returned(WATCH, **{"return": "The minion function caused an exception"}),
        BusEvent("salt/job/j1/ret/node1", None, 0.0),
        BusEvent("calamari/node/", None, 0.0),
        BusEvent("calamari/node/a/b", {}, 0.0),
    ],
)
def test_what_does_not_hold_is_dropped(inbox: Inbox, event: BusEvent) -> None:
    assert inbox.take(event) is None


def test_nothing_counts_twice(inbox: Inbox) -> None:
    for body in (heartbeat(), map_part()):
        event = on_bus(body)
        assert inbox.take(event) is not None
        assert inbox.take(event) is None


def test_an_older_heartbeat_does_not_follow_a_newer_one(inbox: Inbox) -> None:
    assert inbox.take(on_bus(heartbeat(sequence=5)))
    assert inbox.take(on_bus(heartbeat(sequence=4))) is None


def test_a_revoked_key_soon_counts_no_longer(inbox: Inbox, configuration: Path) -> None:
    assert inbox.take(on_bus(heartbeat(node="node2"), signer="node2", node="node2"))
    file = configuration / "pki" / "minions" / "node2"
    key = file.read_bytes()
    file.unlink()
    try:
        time.sleep(1.1)
        assert inbox.take(on_bus(heartbeat(node="node2", sequence=2), signer="node2", node="node2")) is None
    finally:
        file.write_bytes(key)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def lasting_inbox(configuration: Path) -> Inbox:
    return Inbox(EnvelopeVerifier(master_options(configuration)), largest_map=100_000, clock_tolerance=5)


@given(data=json_values, tag=st.sampled_from(["calamari/node/node1", "salt/job/j1/ret/node1", "salt/job//ret/"]))
def test_no_rubbish_stops_the_inbox(lasting_inbox: Inbox, data: Any, tag: str) -> None:
    assert lasting_inbox.take(BusEvent(tag, data, time.time())) is None


@given(changes=st.dictionaries(st.sampled_from(sorted(heartbeat() | map_part())), json_values, max_size=3))
def test_no_signed_rubbish_stops_the_inbox(lasting_inbox: Inbox, changes: dict[str, Any]) -> None:
    """A node whose key was stolen, or whose watcher is broken."""
    for body in (heartbeat(), map_part()):
        lasting_inbox.take(on_bus(body | changes))

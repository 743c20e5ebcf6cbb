"""One change, end to end, on the real cluster: from PATCH to the monitors' audit log and back to every reader."""

import json
import threading
import time
from typing import Any

import httpx
import pytest

from tests.integration.product import Product, notices, until

READS = 10


@pytest.fixture(autouse=True)
def _settled(product: Product) -> Any:
    yield
    product.settle()


def test_osd_out_and_in_again(product: Product) -> None:
    answer = product.patch_osd(1, **{"in": False})
    assert answer.status_code == 202
    request_id = answer.json()["request_id"]
    assert answer.headers["Location"].endswith(request_id)
    request = product.completed(request_id)
    assert not request["error"], request
    # Each read is a new connection: whichever web process answers, it shows the change.
    assert {product.osd(1)["in"] for _ in range(READS)} == {False}
    assert product.osd_in_ceph(1)["in"] == 0
    assert product.patch_osd(1, **{"in": False}).status_code == 304
    assert product.executions(request_id) == [1]

    back = product.completed(product.change_osd(1, **{"in": True}))
    assert not back["error"]
    assert product.osd_in_ceph(1)["in"] == 1


def test_request_tells_what_ran(product: Product) -> None:
    request = product.completed(product.change_osd(0, reweight=0.75))
    assert request["headline"] == "Re-weighting ceph-osd.0 to 75%"
    assert request["requested_by"] == "admin"
    assert request["object"] == {"type": "osd", "id": "0"}
    assert request["commands"][0]["prefix"] == "osd reweight"
    assert request["progress"] == {"done": 1, "total": 1}
    kinds = [event["message"] for event in product.get("/event")["results"]]
    assert f"Succeeded: {request['headline']}" in kinds


@pytest.mark.parametrize("command", ["scrub", "deep_scrub", "repair"])
def test_commands(product: Product, command: str) -> None:
    answer = product.call("POST", f"/cluster/{product.fsid}/osd/0/command/{command}")
    assert answer.status_code == 202, answer.text
    request = product.completed(answer.json()["request_id"])
    assert not request["error"], request


def test_down_comes_up_again(product: Product) -> None:
    request = product.completed(product.change_osd(2, up=False))
    assert not request["error"], request
    until(lambda: product.osd(2)["up"], 60)


def test_distinct_reweights_each_run_exactly_once(product: Product) -> None:
    count = 100 if product.settings.database_url.startswith("sqlite") else 20
    weights = [round(0.5 + number / (2 * count + 2), 4) for number in range(count)]
    requests = [product.change_osd(number % 3, reweight=weight) for number, weight in enumerate(weights)]
    for request_id in requests:
        assert not product.completed(request_id, 300)["error"]
    last = dict(zip((number % 3 for number in range(count)), weights, strict=True))
    assert {osd: product.osd(osd)["reweight"] for osd in last} == pytest.approx(last, abs=1e-4)
    assert product.executions(*requests) == [1] * count


def test_change_behind_our_back_is_seen(product: Product) -> None:
    seen: list[dict[str, Any]] = []
    ready = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{product.url}/stream", headers=product.headers, timeout=60) as response:
            ready.set()
            seen.extend(notices(response))

    threading.Thread(target=listen, daemon=True).start()
    assert ready.wait(10)
    time.sleep(0.5)
    product.cluster.ceph("osd", "out", "2")
    until(lambda: product.osd(2)["in"] is False, 10)
    until(lambda: [n for n in seen if n.get("type") == "version" and n.get("object") == "osd"], 10)
    until(lambda: [n for n in seen if n.get("kind") == "osd.out"], 10)
    product.cluster.ceph("osd", "in", "2")
    until(lambda: product.osd(2)["in"] is True, 10)


def test_rows_equal_what_ceph_says(product: Product) -> None:
    dump = product.cluster.ceph("osd", "dump")
    rows = {row["id"]: row for row in product.get(f"/cluster/{product.fsid}/osd")}
    assert set(rows) == {osd["osd"] for osd in dump["osds"]}
    for osd in dump["osds"]:
        row = rows[osd["osd"]]
        assert (row["uuid"], row["up"], row["in"]) == (osd["uuid"], bool(osd["up"]), bool(osd["in"]))
        assert row["reweight"] == pytest.approx(osd["weight"])
        assert row["public_addr"] == osd["public_addr"]
        assert row["server"] == f"node{osd['osd'] + 1}"
    pools = {row["name"]: row for row in product.get(f"/cluster/{product.fsid}/pool")}
    assert {name: row["pg_num"] for name, row in pools.items()} == {
        pool["pool_name"]: pool["pg_num"] for pool in dump["pools"]
    }
    quorum = product.cluster.ceph("quorum_status")
    mons = {row["name"]: row for row in product.get(f"/cluster/{product.fsid}/mon")}
    assert sorted(name for name, row in mons.items() if row["in_quorum"]) == sorted(quorum["quorum_names"])
    assert [name for name, row in mons.items() if row["leader"]] == [quorum["quorum_leader_name"]]
    osd_map = product.get(f"/cluster/{product.fsid}/sync_object/osd_map")
    assert json.dumps(osd_map["osds"], sort_keys=True) == json.dumps(dump["osds"], sort_keys=True)

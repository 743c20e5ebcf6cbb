"""What breaks, and what holds all the same: reads go on, nothing runs late or twice, every request reaches one end."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.product import Product, until


@pytest.fixture(autouse=True)
def _settled(product: Product) -> Any:
    yield
    for row in product.cluster.status()["programs"]:
        if row["state"] != "running":
            product.cluster.start(row["name"])
    product.settle()


def favorite(product: Product) -> str:
    """Return the node through which the cluster is read, as the newest finished change tells."""
    request = product.completed(product.change_osd(0, reweight=0.9 if product.osd(0)["reweight"] == 1 else 1.0))
    return str(request["steps"][0]["node"])


def external_kill(product: Product, name: str, *, group: bool = False) -> None:
    """Kill a program as an accident would, without the supervisor's knowledge."""
    pid = product.program(name)["pid"]
    if group:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)


def test_favorite_node_dies(product: Product) -> None:
    node = favorite(product)
    other = "node2" if node != "node2" else "node3"
    requests = [product.change_osd(number, reweight=0.8) for number in (0, 1, 2)]
    product.cluster.kill(node)
    # The monitors need a new quorum, then another node's watcher takes over and shows what changes.
    until(lambda: not product.osd(int(node[-1]) - 1)["up"], 60)
    for request_id in requests:
        product.completed(request_id, 90)
    survivor = int(other[-1]) - 1
    request = product.completed(product.change_osd(survivor, reweight=0.7), 60)
    assert not request["error"], request
    assert request["steps"][0]["node"] != node
    assert max(product.executions(*requests)) <= 1


def test_all_monitors_down(product: Product) -> None:
    before = product.osd(1)
    for mon in ("mon.a", "mon.b", "mon.c"):
        product.cluster.kill(mon)
    until(lambda: product.patch_osd(1, reweight=0.5).status_code == 503, 20)
    started = time.monotonic()
    refused = product.patch_osd(1, reweight=0.5)
    assert refused.status_code == 503
    assert time.monotonic() - started < 2
    assert set(refused.json()) >= {"detail", "code"}
    answer = product.call("GET", f"/cluster/{product.fsid}/osd/1")
    assert answer.status_code == 200
    assert answer.json() == before
    stale = until(lambda: product.call("GET", f"/cluster/{product.fsid}/osd/1").headers.get("X-Calamari-Stale"), 10)
    assert int(stale) >= 3
    for mon in ("mon.a", "mon.b", "mon.c"):
        product.cluster.start(mon)
    until(product.is_ready, 60)
    request = product.completed(product.change_osd(1, reweight=0.6))
    assert not request["error"], request


def test_cthulhu_is_down(product: Product) -> None:
    before = product.osd(1)
    product.cluster.kill("cthulhu")
    until(lambda: "X-Calamari-Stale" in product.call("GET", f"/cluster/{product.fsid}/osd").headers, 20)
    answer = product.call("GET", f"/cluster/{product.fsid}/osd/1")
    assert (answer.status_code, answer.json()) == (200, before)
    assert product.call("GET", "/request").status_code == 200
    refused = product.patch_osd(1, reweight=0.5)
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    product.cluster.start("cthulhu")
    until(product.is_ready, 60)
    assert "X-Calamari-Stale" not in product.call("GET", f"/cluster/{product.fsid}/osd/1").headers
    assert not product.completed(product.change_osd(1, reweight=0.55))["error"]


ACCIDENTS: dict[str, Callable[[Product], None]] = {
    "cthulhu": lambda product: external_kill(product, "cthulhu"),
    "salt-master": lambda product: external_kill(product, "salt-master"),
    "salt-master's group": lambda product: external_kill(product, "salt-master", group=True),
    "redis": lambda product: external_kill(product, "redis"),
    "worker": lambda product: external_kill(product, "worker"),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_service_comes_back_and_every_request_reaches_one_end(product: Product, accident: str) -> None:
    requests = [product.change_osd(number, reweight=0.65) for number in (0, 1, 2)]
    ACCIDENTS[accident](product)
    for _ in range(10):
        answer = product.patch_osd(1, reweight=round(0.3 + len(requests) / 100, 2))
        assert answer.status_code in {202, 503}, answer.text
        if answer.status_code == 202:
            requests.append(answer.json()["request_id"])
        time.sleep(0.1)
    ends = [product.completed(request_id, 180) for request_id in requests]
    for request, ran in zip(ends, product.executions(*requests), strict=True):
        assert ran <= 1, (accident, request)
        assert ran == 1 or request["error"], (accident, request)
    # It is all back: a change goes through again.
    until(lambda: product.patch_osd(2, reweight=0.9).status_code in {202, 304}, 60)
    request = product.completed(product.change_osd(2, reweight=0.45), 60)
    assert not request["error"], request
    # Nothing moves a request that has ended.
    assert [product.get(f"/request/{request_id}")["completed_at"] for request_id in requests] == [
        request["completed_at"] for request in ends
    ]


def test_frozen_minion_thaws_after_the_deadline(product: Product) -> None:
    node = favorite(product)
    before = product.osd(1)["reweight"]
    product.cluster.pause(f"minion.{node}")
    request_id = product.change_osd(1, reweight=0.35)
    request = product.completed(request_id, 120)
    assert request["error"], request
    assert node in request["error_message"]
    product.cluster.resume(f"minion.{node}")
    # Long enough for the thawed minion to work off everything that was waiting for it.
    time.sleep(8)
    assert product.audit_lines(request_id) == []
    assert product.osd(1)["reweight"] == before
    assert product.get(f"/request/{request_id}") == request

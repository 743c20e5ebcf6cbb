"""Recorded answers of a Ceph 16.2.15 cluster, as cleaned sync objects.

The cluster: three monitors; four OSDs, each alone in its host, of which osd.3 is down and out and osd.1 reweighted to
0.5; osd.0 and osd.1 of class hdd, osd.2 and osd.3 of class ssd; the host of osd.0 in a rack; the pools
device_health_metrics and rbd on the default rule, fast on a rule for class ssd, and ecpool, erasure-coded 2+1.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cthulhu.sync.objects import CONTACT, SYNC_OBJECT_TYPES, SyncObjects, digest
from cthulhu.sync.validation import validated

RECORDED = Path(__file__).parents[2] / "recorded" / "ceph-16.2.15"
FSID = "05fba6d9-a324-4d23-9799-6bb965e485f3"


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    """Return what a command printed, anew at each call."""
    return lambda name: json.loads((RECORDED / f"{name}.json").read_text())


@pytest.fixture
def objects(recorded: Callable[[str], Any]) -> SyncObjects:
    """Return all recorded maps, offered as cthulhu does."""
    store = SyncObjects()
    for name, kind in SYNC_OBJECT_TYPES.items():
        if (RECORDED / f"{name}.json").exists():
            content, problems = validated(name, recorded(name))
            assert problems == []
            version = content.get("epoch", content.get("election_epoch")) if kind.ordered else digest(content)
            assert store.offer(name, version, content, 1000.0)
    contact = {"id": FSID, "name": "ceph", "connected": True}
    store.offer(CONTACT, digest(contact), contact, 1700000000.25)
    return store

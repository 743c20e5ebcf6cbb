"""Questions about a CRUSH map: where an OSD stands in it, and which OSDs a rule can choose.

Works on the cleaned output of `ceph osd crush dump`. Device classes appear there as shadow buckets, named like
`default~ssd`, which hold only the devices of their class: rules take them, people do not see them.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

# CRUSH weights are fixed-point numbers with 16 binary places.
WEIGHT_ONE = 0x10000
DEVICE_TYPE = 0
HOST_TYPE_NAME = "host"

# Real maps have about four levels and one place for each OSD; a map that exceeds these is answered in part.
_DEEPEST = 64
_MOST_PLACES = 16


class CrushMap:
    """Indices over one CRUSH map, each computed when first needed, in time linear in the map.

    A cycle among buckets, which no monitor would accept, cuts the answers short and does no other harm.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self._buckets: dict[int, dict[str, Any]] = {bucket["id"]: bucket for bucket in content["buckets"]}
        self._rules: dict[int, list[dict[str, Any]]] = {rule["rule_id"]: rule["steps"] for rule in content["rules"]}
        self._classes: dict[int, str | None] = {item["id"]: item.get("class") for item in content["devices"]}
        self._device_type = next((kind["name"] for kind in content["types"] if kind["type_id"] == DEVICE_TYPE), "osd")
        self._paths: dict[int, list[list[int]]] = {}
        self._beneath: dict[int, frozenset[int]] = {}
        self._osds_by_rule: dict[int, frozenset[int]] = {}

    def device_class(self, osd: int) -> str | None:
        """Return the OSD's device class, such as `ssd`, or None if it has none."""
        return self._classes.get(osd)

    def weight(self, osd: int) -> float:
        """Return the OSD's CRUSH weight, by convention its size in TiB; 0 when it stands nowhere."""
        return self._weights.get(osd, 0) / WEIGHT_ONE

    def host(self, osd: int) -> str | None:
        """Return the name of the host bucket above the OSD, or None."""
        for path in self.ancestry(osd):
            for bucket in path:
                if self._buckets[bucket]["type_name"] == HOST_TYPE_NAME:
                    return str(self._buckets[bucket]["name"])
        return None

    def ancestry(self, osd: int) -> list[list[int]]:
        """Return, for each place where the OSD stands, the bucket ids from its parent up to the root."""
        return [path for parent in self._parents.get(osd, ()) for path in self._paths_from(parent, 1)][:_MOST_PLACES]

    def osds_of_rule(self, rule: int) -> frozenset[int]:
        """Return the OSDs that a rule can choose; none if there is no such rule."""
        if rule not in self._osds_by_rule:
            self._osds_by_rule[rule] = self._walk(self._rules.get(rule, []))
        return self._osds_by_rule[rule]

    def _walk(self, steps: Iterable[dict[str, Any]]) -> frozenset[int]:
        """Follow the steps of a rule with all that could be chosen, instead of what a hash would choose."""
        emitted: set[int] = set()
        working: set[int] = set()
        for step in steps:
            operation = step["op"]
            if operation == "take":
                working = {step["item"]} if step.get("item") is not None else set()
            elif operation == "emit":
                emitted |= {item for item in working if item >= 0}
                working = set()
            elif operation.startswith("chooseleaf"):
                working = self._osds_beneath(self._of_type_beneath(working, step.get("type")))
            elif operation.startswith("choose"):
                working = self._of_type_beneath(working, step.get("type"))
        return frozenset(emitted)

    def _of_type_beneath(self, items: Iterable[int], type_name: str | None) -> set[int]:
        """Return the OSDs or the buckets of a type that stand below the items."""
        if type_name == self._device_type:
            return self._osds_beneath(items)
        found: set[int] = set()
        seen: set[int] = set()
        pending = [child for item in items for child in self._children(item)]
        while pending:
            item = pending.pop()
            if item in seen or item >= 0:
                continue
            seen.add(item)
            if item in self._buckets and self._buckets[item]["type_name"] == type_name:
                found.add(item)
            pending.extend(self._children(item))
        return found

    def _osds_beneath(self, items: Iterable[int]) -> set[int]:
        return set().union(*(self._osds_beneath_one(item, 0) for item in items))

    def _osds_beneath_one(self, item: int, depth: int) -> frozenset[int]:
        if item >= 0:
            return frozenset((item,))
        if item not in self._beneath:
            self._beneath[item] = frozenset()  # what a cycle that comes back here finds
            if depth < _DEEPEST:
                below = (self._osds_beneath_one(child, depth + 1) for child in self._children(item))
                self._beneath[item] = frozenset().union(*below)
        return self._beneath[item]

    def _children(self, item: int) -> list[int]:
        bucket = self._buckets.get(item)
        return [child["id"] for child in bucket["items"]] if bucket else []

    def _paths_from(self, bucket: int, depth: int) -> list[list[int]]:
        """Return the ways from a bucket up to a root, each beginning with the bucket itself."""
        if bucket not in self._paths:
            self._paths[bucket] = []  # what a cycle that comes back here finds
            parents = self._parents.get(bucket, ()) if depth < _DEEPEST else ()
            ways = [[bucket, *way] for parent in parents for way in self._paths_from(parent, depth + 1)]
            self._paths[bucket] = ways[:_MOST_PLACES] or [[bucket]]
        return self._paths[bucket]

    @cached_property
    def _parents(self) -> dict[int, list[int]]:
        parents: dict[int, list[int]] = defaultdict(list)
        for bucket in self._visible_buckets:
            for item in bucket["items"]:
                parents[item["id"]].append(bucket["id"])
        return dict(parents)

    @cached_property
    def _weights(self) -> dict[int, int]:
        weights: dict[int, int] = {}
        for bucket in self._visible_buckets:
            for item in bucket["items"]:
                weights.setdefault(item["id"], item["weight"])
        return weights

    @cached_property
    def _visible_buckets(self) -> list[dict[str, Any]]:
        return [bucket for bucket in self._buckets.values() if "~" not in bucket["name"]]

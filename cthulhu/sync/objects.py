"""The sync objects of one cluster: what the monitors said last, and at which version.

`cthulhu.monitor` offers what the watchers push, after `cthulhu.sync.validation` has cleaned it;
`cthulhu.sync.resources` turns the stored objects into the rows of the API.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

import orjson

Version = int | str

OSD_MAP = "osd_map"
CRUSH_MAP = "crush_map"
OSD_METADATA = "osd_metadata"
MON_MAP = "mon_map"
MON_STATUS = "mon_status"
MGR_MAP = "mgr_map"
FS_MAP = "fs_map"
SERVICE_MAP = "service_map"
HEALTH = "health"
DF = "df"
PG_SUMMARY = "pg_summary"
CONFIG = "config"
SERVERS = "servers"
CONTACT = "contact"

LONGEST_DIGEST = 64

Derived = TypeVar("Derived")


@dataclass(frozen=True)
class SyncObjectType:
    """A kind of sync object.

    `ordered`: its versions are epochs, which only grow; otherwise they are digests, of which the latest counts.
    `from_monitors`: its content is the output of a monitor command; otherwise cthulhu makes it of what it observes.
    """

    name: str
    ordered: bool
    from_monitors: bool = True


SYNC_OBJECT_TYPES: Mapping[str, SyncObjectType] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            SyncObjectType(OSD_MAP, ordered=True),
            SyncObjectType(CRUSH_MAP, ordered=False),
            SyncObjectType(OSD_METADATA, ordered=False),
            SyncObjectType(MON_MAP, ordered=True),
            SyncObjectType(MON_STATUS, ordered=True),
            SyncObjectType(MGR_MAP, ordered=True),
            SyncObjectType(FS_MAP, ordered=True),
            SyncObjectType(SERVICE_MAP, ordered=True),
            SyncObjectType(HEALTH, ordered=False),
            SyncObjectType(DF, ordered=False),
            SyncObjectType(PG_SUMMARY, ordered=False),
            SyncObjectType(CONFIG, ordered=False),
            SyncObjectType(SERVERS, ordered=False, from_monitors=False),
            SyncObjectType(CONTACT, ordered=False, from_monitors=False),
        )
    }
)


# Compared and hashed by identity: a map of ten thousand OSDs is never compared value by value.
@dataclass(frozen=True, eq=False)
class SyncObject:
    """One object at one version. Its content is shared by all threads and never changed.

    `updated_at`: Unix seconds at which this version was last known to be the current one.
    """

    name: str
    version: Version
    content: Any
    updated_at: float
    _derived: dict[Callable[[Any], Any], Any] = field(default_factory=dict, repr=False)

    def derived(self, function: Callable[[Any], Derived]) -> Derived:
        """Return `function(content)`, computed once for as long as this version is current.

        For indices that several resources, or many builds of one resource, need of the same map. Two threads may both
        compute it; they get equal answers.
        """
        if function not in self._derived:
            self._derived[function] = function(self.content)
        return cast("Derived", self._derived[function])


class SyncObjects:
    """The current version of every sync object of one cluster.

    One thread writes; any number read. A reader that needs several objects of one moment takes them from one
    `snapshot()`, which later writes never touch.
    """

    def __init__(self) -> None:
        self._current: Mapping[str, SyncObject] = MappingProxyType({})

    def snapshot(self) -> Mapping[str, SyncObject]:
        """Return all objects, by name, as they are at this moment."""
        return self._current

    def get(self, name: str) -> SyncObject | None:
        """Return the current object, or None if it was never offered."""
        return self._current.get(name)

    def names(self) -> list[str]:
        """Return the names of the objects that are there, sorted."""
        return sorted(self._current)

    def versions(self) -> dict[str, Version]:
        """Return the version of each object that is there, as `ceph.watch` takes it for `since`."""
        return {name: item.version for name, item in self._current.items()}

    def offer(self, name: str, version: Version, content: Any, updated_at: float, *, reset: bool = False) -> bool:
        """Store content that was current at `updated_at` (Unix seconds), and tell whether the object moved.

        The version already held is confirmed, not replaced. An older epoch, which a slow message may carry, is
        refused, unless `reset` says that the source began anew (a cluster rebuilt under its old fsid).

        Raises:
            KeyError: there is no such type of sync object.
            TypeError: the version is not of the type's kind (epoch or digest).
        """
        check_version(name, version)
        held = self._current.get(name)
        if held is not None and held.version == version and not reset:
            self.confirm(name, version, updated_at)
            return False
        if held is not None and not reset and is_older(version, held.version):
            return False
        self._store(SyncObject(name, version, content, updated_at))
        return True

    def confirm(self, name: str, version: Version, updated_at: float) -> bool:
        """Note that `version` was still current at `updated_at`; tell whether it is the version held."""
        held = self._current.get(name)
        if held is None or held.version != version:
            return False
        if updated_at > held.updated_at:
            self._store(replace(held, updated_at=updated_at))
        return True

    def _store(self, item: SyncObject) -> None:
        self._current = MappingProxyType({**self._current, item.name: item})


def check_version(name: str, version: object) -> None:
    """Check that a version is of the kind its object's versions are.

    Raises:
        KeyError: there is no such type of sync object.
        TypeError: it is neither a non-negative epoch nor, for unordered types, a non-empty digest.
    """
    if SYNC_OBJECT_TYPES[name].ordered:
        valid = isinstance(version, int) and not isinstance(version, bool) and version >= 0
    else:
        valid = isinstance(version, str) and 0 < len(version) <= LONGEST_DIGEST
    if not valid:
        raise TypeError(f"not a version of {name}: {str(version)[:LONGEST_DIGEST]!r}")


def is_older(version: Version, than: Version) -> bool:
    """Tell whether both are epochs and the first is the smaller one; digests have no age."""
    return isinstance(version, int) and isinstance(than, int) and version < than


def digest(content: Any) -> str:
    """Return the version of unordered content: 16 hexadecimal digits over its canonical JSON."""
    canonical = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:16]

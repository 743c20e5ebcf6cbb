"""The data that crosses the RPC and the version vector, for both ends.

Object types and their rows are documented by the serializers of `calamari_rest`; here they are plain JSON values.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL_VERSION = 1

OSD = "osd"
POOL = "pool"
MON = "mon"
HEALTH = "health"
CLUSTER = "cluster"
OBJECT_TYPES = (CLUSTER, OSD, POOL, MON, HEALTH)


class Message(BaseModel):
    """Immutable, and closed: an unknown field is a protocol error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Caller(Message):
    """Who asks for a change, carried into the request row, the job and every log line."""

    username: str
    correlation_id: str = ""
    address: str = ""


class Hello(Message):
    """What a client learns first. `generation` names this run of cthulhu."""

    protocol: int = PROTOCOL_VERSION
    generation: str
    pid: int


class Snapshot(Message):
    """All rows of one object type of one cluster, or one sync object, at one version.

    `unchanged` is True, and `content` None, when the caller already knows `version`. `updated_at`: Unix seconds at
    which the content was last confirmed to be current.
    """

    fsid: str
    name: str
    version: str
    updated_at: float
    unchanged: bool = False
    content: Any = None


class Accepted(Message):
    """Answer to a change. `request_id` is None when nothing had to be done (HTTP 304)."""

    request_id: str | None


class ClusterVersions(Message):
    """One cluster's part of the version vector.

    `contact` is the last moment (Unix seconds) at which a node confirmed its versions with the monitors; `objects` maps
    each object type ("osd", "pool", ...) and `maps` each sync object to the version that is current.
    """

    name: str
    contact: float
    connected: bool
    objects: dict[str, str] = Field(default_factory=dict)
    maps: dict[str, str] = Field(default_factory=dict)


class VersionState(Message):
    """The whole version vector. `heartbeat` (Unix seconds) moves at least once a second while cthulhu lives."""

    generation: str
    sequence: int
    heartbeat: float
    clusters: dict[str, ClusterVersions] = Field(default_factory=dict)

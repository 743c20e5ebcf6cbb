"""The shapes of what nodes send: whatever deviates from them is dropped.

The senders are `salt/_modules/ceph.py` and `salt/_engines/ceph_watcher.py`.

Sizes are bounded here too, because a node is not trusted more than any other client.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Text = Annotated[str, Field(max_length=4096)]
Identifier = Annotated[str, Field(min_length=1, max_length=128)]
MapName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,31}$")]
Version = Annotated[int, Field(ge=0, lt=2**63)] | Annotated[str, Field(max_length=64)]
Daemon = Annotated[str, Field(pattern=r"^(mon|mgr|osd|mds)\.[^\s/]{1,128}$")]
Time = Annotated[float, Field(ge=0, lt=2**40, allow_inf_nan=False)]

# A map's parts as the watcher cuts them hold 384 KiB, which are 512 KiB in base64.
LARGEST_PART = 600 * 1024
MOST_PARTS = 4096


class MalformedMessage(Exception):
    """The message is signed, but has none of the known shapes."""


class Body(BaseModel):
    """What every message says."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    node: Identifier


class WatcherBody(Body):
    """What every message of a watcher says; see `cthulhu.remote.port.Heartbeat` for the fields' meaning."""

    boot: Identifier
    sequence: Annotated[int, Field(ge=1, lt=2**63)]
    time: Time
    fsid: Annotated[str, Field(pattern=r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$")]
    lease: Identifier | None


class HeartbeatBody(WatcherBody):
    """A watcher says that it is there. `fsid` is empty until it reached its cluster for the first time."""

    kind: Literal["heartbeat"]
    cluster: Identifier
    connected: bool
    silence: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    error: Text | None
    daemons: Annotated[list[Daemon], Field(max_length=10_000)]
    versions: Annotated[dict[MapName, Version], Field(max_length=64)]


class MapBody(WatcherBody):
    """One part of a map; `data` is base64 of this part of zlib(JSON)."""

    kind: Literal["map"]
    map: MapName
    version: Version
    part: Annotated[int, Field(ge=0, lt=MOST_PARTS)]
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS)]
    data: Annotated[str, Field(max_length=LARGEST_PART)]


class AnswerBody(Body):
    """What every answer of a function says."""

    job_id: Identifier


class WatchBody(AnswerBody):
    """The lease was taken."""

    kind: Literal["watch"]
    lease: Identifier


class ResultBody(AnswerBody):
    """What became of a step."""

    kind: Literal["result"]
    request_id: Identifier
    step: Annotated[int, Field(ge=0)]
    outcome: Literal["done", "failed", "refused", "unknown", "running", "absent"]
    code: int
    status: Annotated[str, Field(max_length=70_000)]
    output: Annotated[str, Field(max_length=70_000)]
    epoch: Annotated[int, Field(ge=0)] | None
    started_at: Time | None
    finished_at: Time | None
    replayed: bool
    reason: Text


class AuditBody(AnswerBody):
    """What the cluster's audit log says of a step."""

    kind: Literal["audit"]
    request_id: Identifier
    step: Annotated[int, Field(ge=0)]
    found: bool
    finished: bool
    lines: Annotated[list[Text], Field(max_length=20)]
    oldest: Identifier | None


class ErrorBody(AnswerBody):
    """The function could not do its work."""

    kind: Literal["error"]
    function: Identifier
    error: Text


def _answer_of(shape: type[AnswerBody]) -> TypeAdapter[Any]:
    """Return what checks an answer of this shape, or the error in its place."""
    either: Any = Annotated[shape | ErrorBody, Field(discriminator="kind")]
    return TypeAdapter(either)


ANSWERS: dict[str, TypeAdapter[Any]] = {
    "ceph.watch": _answer_of(WatchBody),
    "ceph.run_command": _answer_of(ResultBody),
    "ceph.outcome": _answer_of(ResultBody),
    "ceph.find_in_audit": _answer_of(AuditBody),
}
_WATCHER: TypeAdapter[HeartbeatBody | MapBody] = TypeAdapter(
    Annotated[HeartbeatBody | MapBody, Field(discriminator="kind")]
)


def read_watcher(body: str) -> HeartbeatBody | MapBody:
    """Return a watcher's message.

    Raises:
        MalformedMessage: it has not the shape of one.
    """
    try:
        return _WATCHER.validate_json(body)
    except ValidationError as error:
        raise MalformedMessage(_first_fault(error)) from error


def read_answer(function: str, body: str) -> AnswerBody:
    """Return what a function answered.

    Args:
        function: such as `ceph.watch`.
        body: JSON text.

    Raises:
        MalformedMessage: the function is unknown, or this is no answer of it.
    """
    if function not in ANSWERS:
        raise MalformedMessage("the function is not ours")
    try:
        answer: AnswerBody = ANSWERS[function].validate_json(body)
    except ValidationError as error:
        raise MalformedMessage(_first_fault(error)) from error
    return answer


def _first_fault(error: ValidationError) -> str:
    """Name the field, without quoting what it held."""
    fault = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))[:100]}: {fault['type']}"

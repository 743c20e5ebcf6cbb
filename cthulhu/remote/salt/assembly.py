"""Put maps together from their parts, within bounds of memory and time."""

import base64
import binascii
import zlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from cthulhu.remote.salt.messages import MapBody

# A part that has not come by then was lost; the next renewal of the lease has the whole map sent again.
PATIENCE = 30.0


class BrokenMap(Exception):
    """The parts do not make a map, or too large a one."""


@dataclass
class _Pieces:
    identity: tuple[Any, ...]
    started: float
    parts: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    first_sequence: int = 2**63


@dataclass(frozen=True)
class WholeMap:
    """A map whose parts are all there. `sequence` is the lowest of its messages'."""

    content: Any
    sequence: int


class Assembly:
    """The maps under way: at most one of each name and node, together at most `largest` bytes compressed.

    Args:
        largest: bytes that a map may have, decompressed.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._pieces: dict[tuple[str, str], _Pieces] = {}

    def add(self, body: MapBody, now: float) -> WholeMap | None:
        """Take one part; return the map when it was the last one missing.

        Args:
            body: the part; its origin and freshness were checked.
            now: Unix seconds.

        Raises:
            BrokenMap: the map is given up.
        """
        key = (body.node, body.map)
        self._drop_abandoned(now)
        identity = (body.boot, body.lease, body.version, body.parts)
        pieces = self._pieces.get(key)
        if pieces is None or pieces.identity != identity:
            pieces = self._pieces[key] = _Pieces(identity, now)
        try:
            self._take(pieces, body)
            if len(pieces.parts) < body.parts:
                return None
            content = self._read(pieces)
        except BrokenMap:
            del self._pieces[key]
            raise
        del self._pieces[key]
        return WholeMap(content, pieces.first_sequence)

    def _take(self, pieces: _Pieces, body: MapBody) -> None:
        try:
            data = base64.b64decode(body.data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BrokenMap("a part is not base64") from error
        if body.part >= body.parts:
            raise BrokenMap("a part's number is beyond their count")
        pieces.size += len(data) - len(pieces.parts.get(body.part, b""))
        pieces.parts[body.part] = data
        pieces.first_sequence = min(pieces.first_sequence, body.sequence)
        if sum(other.size for other in self._pieces.values()) > self._largest:
            raise BrokenMap("the maps under way are too large")

    def _read(self, pieces: _Pieces) -> Any:
        """Decompress and parse, never beyond the bound: a few bytes of zlib can stand for gigabytes."""
        data = b"".join(pieces.parts[part] for part in range(len(pieces.parts)))
        stream = zlib.decompressobj()
        try:
            text = stream.decompress(data, self._largest)
        except zlib.error as error:
            raise BrokenMap("the data is not zlib's") from error
        if not stream.eof or stream.unused_data:
            raise BrokenMap("the data is too large, cut off, or followed by more")
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise BrokenMap("the data is not JSON") from error

    def _drop_abandoned(self, now: float) -> None:
        for key in [key for key, pieces in self._pieces.items() if abs(now - pieces.started) > PATIENCE]:
            del self._pieces[key]

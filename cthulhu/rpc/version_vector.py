"""The version vector: which version of what is current, where every web process can look for almost nothing.

cthulhu writes it (`VersionVectorWriter`), the web reads it before it uses a cached body (`VersionVectorReader`) and
learns from the heartbeat in it that cthulhu lives. One small file, seen by all processes of a host through the page
cache. It is read and written with positioned reads and writes and not through a mapping, because a process that
touches a mapping of a file that somebody truncated, or that a full disk could not extend, is killed by SIGBUS.

Layout, little endian: a header of `_HEADER.size` bytes (magic, size of a slot, sequence, heartbeat, heartbeat again),
and at `_SLOTS_AT` two slots, of which the one numbered `sequence % 2` is current. A slot holds the sequence, the
length and the CRC-32 of its payload, which is the state as JSON. The writer fills the other slot and only then moves
the sequence, so a writer that dies leaves the previous state intact, and a reader that was overtaken notices by
sequence and CRC and reads again. A new writer puts a new file in place of the old one.
"""

import os
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cthulhu.rpc.types import VersionState

_MAGIC = b"CALVV\x00\x00\x01"
_HEADER = struct.Struct("<8sQQdd")
_SEQUENCE_AT = 16
_SEQUENCE = struct.Struct("<Q")
_HEARTBEAT_AT = 24
_HEARTBEAT = struct.Struct("<dd")
_SLOT_HEAD = struct.Struct("<QII")
_SLOTS_AT = 4096
_SMALLEST_SLOT = 2**16
_LARGEST_SLOT = 2**26
_FILE_MODE = 0o640
_ATTEMPTS = 20


class VersionVectorWriter:
    """The only writer of a version vector. Its methods may be called from several threads."""

    def __init__(self, path: Path) -> None:
        """Put an empty vector at `path`, in place of any predecessor's; readers see it once it is published.

        Raises:
            OSError: the folder is missing, not writable or full.
        """
        self._path = path
        self._lock = threading.Lock()
        self._sequence = 0
        self._file = -1
        self._slot_size = _SMALLEST_SLOT
        self._replace_file(_SMALLEST_SLOT, None)

    def publish(self, state: VersionState) -> None:
        """Make `state`, with its heartbeat, what readers see.

        Raises:
            OSError: the file cannot be written.
            ValueError: the state is larger than any vector may be (64 MiB).
        """
        payload = state.model_dump_json().encode()
        with self._lock:
            self._sequence += 1
            needed = _SLOT_HEAD.size + len(payload)
            if needed > _LARGEST_SLOT:
                raise ValueError(f"a version vector of {len(payload)} bytes")
            if needed > self._slot_size:
                self._replace_file(1 << needed.bit_length(), (payload, state.heartbeat))
                return
            self._write_slot(self._file, self._slot_size, payload)
            os.pwrite(self._file, _HEARTBEAT.pack(state.heartbeat, state.heartbeat), _HEARTBEAT_AT)
            os.pwrite(self._file, _SEQUENCE.pack(self._sequence), _SEQUENCE_AT)

    def beat(self, now: float) -> None:
        """Move the heartbeat to `now` (Unix seconds) and nothing else.

        Raises:
            OSError: the file cannot be written.
        """
        with self._lock:
            os.pwrite(self._file, _HEARTBEAT.pack(now, now), _HEARTBEAT_AT)

    def close(self) -> None:
        """Close the file, which stays for readers to see how old its heartbeat is."""
        with self._lock:
            os.close(self._file)
            self._file = -1

    def _write_slot(self, file: int, slot_size: int, payload: bytes) -> None:
        head = _SLOT_HEAD.pack(self._sequence, len(payload), _checksum(self._sequence, payload))
        os.pwrite(file, head + payload, _SLOTS_AT + (self._sequence % 2) * slot_size)

    def _replace_file(self, slot_size: int, first: tuple[bytes, float] | None) -> None:
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        aside.unlink(missing_ok=True)
        file = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        try:
            os.posix_fallocate(file, 0, _SLOTS_AT + 2 * slot_size)
            heartbeat = 0.0
            if first is not None:
                payload, heartbeat = first
                self._write_slot(file, slot_size, payload)
            os.pwrite(file, _HEADER.pack(_MAGIC, slot_size, self._sequence, heartbeat, heartbeat), 0)
            aside.rename(self._path)
        except OSError:
            os.close(file)
            aside.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._slot_size = file, slot_size


class _OpenFile:
    """A file that is closed when the last thread that still reads it lets go of it."""

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self.descriptor)
        self.identity = (status.st_dev, status.st_ino)

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)


@dataclass(frozen=True)
class _Seen:
    """What the last read found. Replaced as a whole, so that threads need no lock."""

    file: _OpenFile
    sequence: int
    state: VersionState


class VersionVectorReader:
    """Reads a version vector without ever blocking, however the file may look. Any number of threads may share one."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._seen: _Seen | None = None

    def read(self) -> VersionState | None:
        """Return the current state, or None while there is no valid vector.

        The same object is returned for as long as nothing moved, not even the heartbeat.
        """
        seen = self._seen
        try:
            status = os.stat(self._path)  # noqa: PTH116  (called for every request; Path.stat costs several times more)
            if seen is None or seen.file.identity != (status.st_dev, status.st_ino):
                seen = _load(_OpenFile(self._path), None)
            else:
                seen = _load(seen.file, seen)
        except OSError:
            seen = None
        self._seen = seen
        return seen.state if seen else None


def _load(file: _OpenFile, seen: _Seen | None) -> _Seen | None:
    """Return what the file holds, `seen` itself if that is still it, or None if it holds no valid vector."""
    for _ in range(_ATTEMPTS):
        header = os.pread(file.descriptor, _HEADER.size, 0)
        if len(header) != _HEADER.size:
            return None
        magic, slot_size, sequence, heartbeat, again = _HEADER.unpack(header)
        if magic != _MAGIC or not sequence or not _SMALLEST_SLOT <= slot_size <= _LARGEST_SLOT:
            return None
        # Written as a pair: the two differ only in a read that met a write half-way.
        if heartbeat != again:
            continue
        if seen is not None and seen.sequence == sequence:
            if seen.state.heartbeat == heartbeat:
                return seen
            return _Seen(file, sequence, seen.state.model_copy(update={"heartbeat": heartbeat}))
        state = _read_slot(file, slot_size, sequence)
        if state is not None:
            return _Seen(file, sequence, state.model_copy(update={"heartbeat": heartbeat}))
    return None


def _read_slot(file: _OpenFile, slot_size: int, sequence: int) -> VersionState | None:
    at = _SLOTS_AT + (sequence % 2) * slot_size
    head = os.pread(file.descriptor, _SLOT_HEAD.size, at)
    if len(head) != _SLOT_HEAD.size:
        return None
    held, length, checksum = _SLOT_HEAD.unpack(head)
    if held != sequence or length > slot_size - _SLOT_HEAD.size:
        return None
    payload = os.pread(file.descriptor, length, at + _SLOT_HEAD.size)
    if len(payload) != length or _checksum(sequence, payload) != checksum:
        return None
    try:
        return VersionState.model_validate_json(payload)
    except ValidationError:
        return None


def _checksum(sequence: int, payload: bytes) -> int:
    return zlib.crc32(payload, sequence & 0xFFFFFFFF)

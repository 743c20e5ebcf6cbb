"""The typed client of cthulhu: one method for each method of the RPC.

Used by the HTTP edge and by commands. `cthulhu.rpc.transports` carries the calls, `cthulhu.rpc.types` describes the
answers, `cthulhu.rpc.errors` what every method may raise besides: `ServerUnavailable` above all, at once when cthulhu
is dead, and at the deadline when it hangs.
"""

import itertools
import uuid
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from cthulhu.rpc import protocol
from cthulhu.rpc.errors import InternalError
from cthulhu.rpc.transports import LocalTransport, Transport, UnixTransport
from cthulhu.rpc.types import Accepted, Caller, Hello, Snapshot

DEFAULT_DEADLINE = 5.0

Answer = TypeVar("Answer")
Row = dict[str, Any]
Rows = list[Row]
Names = list[str]

_HELLO = TypeAdapter(Hello)
_ROWS = TypeAdapter(Rows)
_NAMES = TypeAdapter(Names)
_NAME = TypeAdapter(str)
_SNAPSHOT = TypeAdapter(Snapshot)
_ACCEPTED = TypeAdapter(Accepted)


class Client:
    """Calls cthulhu. One client serves all threads of a process, and goes on serving in a forked child.

    `deadline` (seconds) holds for each call. The correlation id of a call is the one that the caller's structlog
    context variables carry as `correlation_id`, else a new one.
    """

    def __init__(self, transport: Transport, deadline: float = DEFAULT_DEADLINE) -> None:
        self._transport = transport
        self._deadline = deadline
        self._ids = itertools.count(1)

    @classmethod
    def unix(cls, path: Path, deadline: float = DEFAULT_DEADLINE) -> "Client":
        """Return a client of the cthulhu that listens on the Unix socket at `path`; it need not be there yet."""
        return cls(UnixTransport(path), deadline)

    @classmethod
    def local(cls, service: object, deadline: float = DEFAULT_DEADLINE) -> "Client":
        """Return a client of a service object in this process."""
        return cls(LocalTransport(service), deadline)

    def hello(self) -> Hello:
        """Return who answers, and in which version of the protocol."""
        return self._call(_HELLO, "hello")

    def list_clusters(self) -> Rows:
        """Return the row of every known cluster."""
        return self._call(_ROWS, "list_clusters")

    def list(self, fsid: str, object_type: str, known: str | None = None) -> Snapshot:
        """Return all rows of an object type; without content if `known` is still their version.

        Raises:
            NotFound: there is no such cluster.
        """
        return self._call(_SNAPSHOT, "list", fsid=fsid, object_type=object_type, known=known)

    def get_sync_object(self, fsid: str, name: str, known: str | None = None) -> Snapshot:
        """Return a sync object; without content if `known` is still its version.

        Raises:
            NotFound: there is no such cluster or sync object.
        """
        return self._call(_SNAPSHOT, "get_sync_object", fsid=fsid, name=name, known=known)

    def list_sync_objects(self, fsid: str) -> Names:
        """Return the names of a cluster's sync objects.

        Raises:
            NotFound: there is no such cluster.
        """
        return self._call(_NAMES, "list_sync_objects", fsid=fsid)

    def update(
        self, fsid: str, object_type: str, object_id: str | int, attributes: dict[str, Any], caller: Caller
    ) -> Accepted:
        """Ask for an object's attributes to be changed.

        Raises:
            NotFound, InvalidAttributes, Conflict, ClusterUnavailable: nothing is changed, nor will be.
        """
        return self._call(
            _ACCEPTED,
            "update",
            fsid=fsid,
            object_type=object_type,
            object_id=str(object_id),
            attributes=attributes,
            caller=caller,
        )

    def apply(self, fsid: str, object_type: str, object_id: str | int, command: str, caller: Caller) -> Accepted:
        """Ask for a command, such as `scrub`, on an object.

        Raises:
            NotFound, CommandNotAllowed, Conflict, ClusterUnavailable: nothing is done, nor will be.
        """
        return self._call(
            _ACCEPTED,
            "apply",
            fsid=fsid,
            object_type=object_type,
            object_id=str(object_id),
            command=command,
            caller=caller,
        )

    def valid_commands(self, fsid: str, object_type: str, object_id: str | int) -> Names:
        """Return the commands that apply to an object as it is now.

        Raises:
            NotFound: there is no such cluster or object.
        """
        return self._call(_NAMES, "valid_commands", fsid=fsid, object_type=object_type, object_id=str(object_id))

    def implemented_commands(self, object_type: str) -> Names:
        """Return every command that objects of a type may have."""
        return self._call(_NAMES, "implemented_commands", object_type=object_type)

    def cancel_request(self, request_id: str, caller: Caller) -> str:
        """Ask for a request to be canceled, and return its id; a complete one stays as it is.

        Raises:
            NotFound: there is no such request.
        """
        return self._call(_NAME, "cancel_request", request_id=request_id, caller=caller)

    def close(self) -> None:
        """Close the connections of this process; the client can still be used."""
        self._transport.close()

    def _call(self, answer: TypeAdapter[Answer], method: str, **parameters: Any) -> Answer:
        body = protocol.encode_call(method, parameters, next(self._ids))
        correlation_id = structlog.contextvars.get_contextvars().get("correlation_id") or uuid.uuid4().hex
        result = protocol.decode_answer(self._transport.send(body, self._deadline, header_text(correlation_id)))
        try:
            return answer.validate_python(result)
        except ValidationError as error:
            raise InternalError(f"cthulhu answered {method} in an unexpected form") from error


def header_text(value: object) -> str:
    """Return what of `value` may stand in an HTTP header: printable ASCII, of bounded length."""
    return "".join(letter for letter in str(value)[:128] if " " < letter <= "~")

"""The errors that may cross the RPC; anything else arrives as `InternalError`, without a traceback.

Each has a stable numeric code of JSON-RPC's application range and the fields a client may rely on.
"""

from typing import Any, ClassVar


class RpcError(Exception):
    """Base of everything a call can end with other than an answer."""

    code: ClassVar[int] = -32000

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class InternalError(RpcError):
    """cthulhu failed in a way it did not foresee; the log there has the cause under the same request id."""

    code = -32603


class InvalidCall(RpcError):
    """The method is unknown or its parameters have the wrong shape: a fault of the client's code."""

    code = -32602


class NotFound(RpcError):
    """There is no such object. data: `object_type`, `object_id`."""

    code = -32001


class InvalidAttributes(RpcError):
    """The change asked for is not valid. data: `fields`, a dict of field name to list of messages."""

    code = -32002


class CommandNotAllowed(RpcError):
    """The command does not apply to the object in its present state."""

    code = -32003


class Conflict(RpcError):
    """The object's present state does not allow the change."""

    code = -32004


class ClusterUnavailable(RpcError):
    """The cluster is known but cannot be reached now, so no change is accepted. data: `fsid`, `since`."""

    code = -32005


class ServerUnavailable(RpcError):
    """cthulhu itself does not answer, or not in time.

    data: `sent`, False when the call surely was not run, True when it may have been.
    """

    code = -32006


BY_CODE: dict[int, type[RpcError]] = {
    kind.code: kind
    for kind in (
        InternalError,
        InvalidCall,
        NotFound,
        InvalidAttributes,
        CommandNotAllowed,
        Conflict,
        ClusterUnavailable,
        ServerUnavailable,
    )
}

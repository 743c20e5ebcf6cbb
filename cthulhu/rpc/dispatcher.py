"""Runs calls against the methods of a service, for the server and for the in-process transport alike.

`cthulhu.rpc.protocol` says which methods may be called and how messages look; no part of this module knows how they
travel.
"""

import contextvars
import time
from collections.abc import Mapping
from contextvars import ContextVar

import structlog

from cthulhu.rpc import protocol
from cthulhu.rpc.errors import InternalError, InvalidCall, RpcError, ServerUnavailable
from cthulhu.rpc.protocol import Call, Method

log = structlog.get_logger(__name__)

_deadline: ContextVar[float] = ContextVar("rpc_deadline")


def remaining_time() -> float:
    """Return the seconds for which the caller of the running RPC method still waits; infinite outside of one.

    A method that is about to change something looks here first: what its caller has given up must not happen later.
    """
    return _deadline.get(float("inf")) - time.monotonic()


class Dispatcher:
    """Runs single calls against the methods that a service allows; whatever happens, the answer is a message.

    Safe to use from several threads.
    """

    def __init__(self, service: object) -> None:
        self._methods: Mapping[str, Method] = protocol.methods_of(service)

    def answer(self, body: bytes, deadline: float, correlation_id: str) -> bytes:
        """Run the call in `body` in this thread, in a context of its own, and return the encoded answer.

        `deadline` is a moment of the monotonic clock; a call that comes to its turn after it is not run.
        """
        return contextvars.copy_context().run(self._answer, body, deadline, correlation_id)

    def _answer(self, body: bytes, deadline: float, correlation_id: str) -> bytes:
        call_id = None
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        _deadline.set(deadline)
        try:
            call = protocol.decode_call(body)
            call_id = call.id
            return protocol.encode_result(self._run(call), call_id)
        except RpcError as error:
            return protocol.encode_error(error, call_id)
        except Exception:
            log.exception("RPC method failed", call=call_id)
            return protocol.encode_error(InternalError("Internal error; the log of cthulhu has the cause"), call_id)

    def _run(self, call: Call) -> object:
        method = self._methods.get(call.method)
        if method is None:
            raise InvalidCall(f"There is no method {call.method[:100]!r}")
        parameters = method.validated(call.parameters)
        if remaining_time() <= 0:
            raise ServerUnavailable("The call came to its turn too late and was not run", sent=False)
        return method.call(**parameters)

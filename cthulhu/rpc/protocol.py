"""The form of calls and answers: JSON-RPC 2.0, parameters by name, and what may be called at all.

Both ends use it: `cthulhu.rpc.client` encodes calls and decodes answers, `cthulhu.rpc.server` the reverse; the
in-process transport of the tests passes through the same functions.
Source: https://www.jsonrpc.org/specification. Left out: batches, notifications and positional parameters.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from cthulhu.rpc.errors import BY_CODE, InternalError, InvalidCall, RpcError

CORRELATION_HEADER = "x-request-id"
# Seconds, from the sending of the call, after which its caller no longer waits for the answer.
DEADLINE_HEADER = "x-deadline-seconds"

LARGEST_CALL = 2**20
LONGEST_ERROR_MESSAGE = 2000

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "_is_rpc_method"


def rpc_method(function: Function) -> Function:
    """Mark a method of a service as callable from outside; nothing that is not marked ever is.

    All its parameters after `self` are passed by name, and validated strictly by their annotations. It may raise any
    `RpcError`; anything else reaches the caller as `InternalError` without details.
    """
    setattr(function, _MARK, True)
    return function


@dataclass(frozen=True)
class Method:
    """One callable method, bound to its service, and the model of its parameters."""

    name: str
    call: Callable[..., Any]
    parameters: type[BaseModel]

    def validated(self, parameters: object) -> dict[str, Any]:
        """Return the given parameters in the types of their annotations.

        Raises:
            InvalidCall: one is missing, unknown or of the wrong type; `data["parameters"]` says which, and why.
        """
        try:
            # Through JSON, because strict validation of Python values refuses dicts where models are expected.
            model = self.parameters.model_validate_json(orjson.dumps(parameters), strict=True)
        except ValidationError as error:
            reasons = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors(include_input=False)}
            raise InvalidCall(f"Invalid parameters of {self.name}", parameters=reasons) from None
        return {name: getattr(model, name) for name in model.model_fields_set}


def methods_of(service: object) -> dict[str, Method]:
    """Return the methods of `service` that `rpc_method` allows, by name.

    Raises:
        TypeError: one has a parameter without annotation, or one that cannot be passed by name.
    """
    return {
        name: Method(name, getattr(service, name), _parameters_model(function))
        for name, function in inspect.getmembers(type(service), inspect.isfunction)
        if getattr(function, _MARK, False)
    }


def _parameters_model(function: Callable[..., Any]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) or name not in hints:
            raise TypeError(f"{function.__qualname__}: parameter {name} has no annotation or cannot be passed by name")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], default)
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def encode_call(method: str, parameters: dict[str, Any], call_id: int) -> bytes:
    """Return the body of a call; parameters that have the value None are left to their defaults.

    Raises:
        InvalidCall: a parameter holds something that JSON cannot express, such as an integer of more than 64 bits.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    message = {"jsonrpc": "2.0", "id": call_id, "method": method, "params": given}
    try:
        return orjson.dumps(message, default=_model_as_dict)
    except TypeError as error:
        raise InvalidCall(f"The parameters of {method} cannot be sent: {error}") from None


@dataclass(frozen=True)
class Call:
    """A well-formed call whose method and parameters are not yet checked."""

    id: int | str | None
    method: str
    parameters: dict[str, Any]


def decode_call(body: bytes) -> Call:
    """Return the call in a request body.

    Raises:
        InvalidCall: the body is too large, not JSON, or not a call in the form described above.
    """
    if len(body) > LARGEST_CALL:
        raise InvalidCall(f"A call holds at most {LARGEST_CALL} bytes")
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidCall(f"Not JSON: {error}") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise InvalidCall("Not a JSON-RPC 2.0 call")
    call_id, method, parameters = message.get("id"), message.get("method"), message.get("params", {})
    if not isinstance(method, str) or not isinstance(parameters, dict) or not isinstance(call_id, int | str):
        raise InvalidCall("A call needs an id, the name of a method and its parameters by name")
    return Call(call_id, method, parameters)


def encode_result(result: object, call_id: int | str | None) -> bytes:
    """Return the body of a successful answer.

    Models are encoded by their fields; an `orjson.Fragment` anywhere in them is inserted as it is, so that rows that
    were encoded once are not encoded again for every caller.

    Raises:
        TypeError: the result holds something that JSON cannot express.
    """
    return orjson.dumps({"jsonrpc": "2.0", "id": call_id, "result": result}, default=_model_as_dict)


def encode_error(error: RpcError, call_id: int | str | None) -> bytes:
    """Return the body of an answer that reports an error."""
    body: dict[str, Any] = {"code": error.code, "message": error.message[:LONGEST_ERROR_MESSAGE], "data": error.data}
    try:
        return orjson.dumps({"jsonrpc": "2.0", "id": call_id, "error": body}, default=_model_as_dict)
    except TypeError:
        return orjson.dumps({"jsonrpc": "2.0", "id": call_id, "error": {**body, "data": {}}})


def decode_answer(body: bytes) -> Any:
    """Return the result in an answer.

    Raises:
        RpcError: the error that the answer reports, as the class of its code.
        InternalError: the body is not an answer.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InternalError("cthulhu's answer is not JSON") from None
    if not isinstance(answer, dict) or not ("result" in answer or isinstance(answer.get("error"), dict)):
        raise InternalError("cthulhu's answer is not a JSON-RPC 2.0 answer")
    if "error" in answer:
        raise _error_of(answer["error"])
    return answer["result"]


def _error_of(report: dict[str, Any]) -> RpcError:
    code = report.get("code")
    kind = BY_CODE.get(code, InternalError) if isinstance(code, int) else InternalError
    error = kind(str(report.get("message", "")))
    data = report.get("data")
    error.data = data if isinstance(data, dict) else {}
    return error


def _model_as_dict(value: object) -> dict[str, Any]:
    # One level at a time: model_dump would walk and copy the whole content of a Snapshot.
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    raise TypeError(f"{type(value).__name__} cannot be sent")

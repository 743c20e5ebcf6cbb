"""The form of messages, and what hostile ones meet."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cthulhu.rpc import protocol
from cthulhu.rpc.dispatcher import Dispatcher
from cthulhu.rpc.errors import BY_CODE, InternalError, InvalidCall, NotFound, RpcError
from cthulhu.rpc.protocol import rpc_method

NEVER = float("inf")


class Adder:
    @rpc_method
    def add(self, first: int, second: int = 1) -> int:
        return first + second

    def hidden(self) -> int:
        return 0


@pytest.fixture(scope="module")
def dispatcher() -> Dispatcher:
    return Dispatcher(Adder())


def ask(dispatcher: Dispatcher, **message) -> dict:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "add", "params": {}} | message)
    return orjson.loads(dispatcher.answer(body, NEVER, "c"))


def test_only_marked_methods_are_offered():
    assert list(protocol.methods_of(Adder())) == ["add"]


def test_defaults_fill_in(dispatcher):
    assert ask(dispatcher, params={"first": 2}) == {"jsonrpc": "2.0", "id": 1, "result": 3}
    assert ask(dispatcher, params={"first": 2, "second": 5})["result"] == 7


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "first"),
        ({"first": "2"}, "first"),
        ({"first": True}, "first"),
        ({"first": 2.5}, "first"),
        ({"first": None}, "first"),
        ({"first": 1, "third": 1}, "third"),
        ({"first": 1, "self": 1}, "self"),
    ],
)
def test_wrong_parameters_are_named(dispatcher, parameters, named):
    error = ask(dispatcher, params=parameters)["error"]
    assert error["code"] == InvalidCall.code
    assert list(error["data"]["parameters"]) == [named]


@pytest.mark.parametrize("method", ["hidden", "__init__", "__class__", "", "answer", "add "])
def test_other_attributes_are_no_methods(dispatcher, method):
    assert ask(dispatcher, method=method)["error"]["code"] == InvalidCall.code


@pytest.mark.parametrize(
    "message", [{"params": [1, 2]}, {"method": 1}, {"jsonrpc": "1.0"}, {"id": None}, {"id": [1]}, {"params": None}]
)
def test_other_forms_of_call_are_refused(dispatcher, message):
    assert ask(dispatcher, **message)["error"]["code"] == InvalidCall.code


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000, b" " * (protocol.LARGEST_CALL + 1)])
def test_bodies_that_are_no_calls_are_refused(dispatcher, body):
    assert orjson.loads(dispatcher.answer(body, NEVER, "c"))["error"]["code"] == InvalidCall.code


@given(st.binary(max_size=200))
def test_whatever_comes_in_an_answer_goes_out(body):
    assert "error" in orjson.loads(Dispatcher(Adder()).answer(body, NEVER, "c"))


def test_a_call_whose_time_is_over_is_not_run():
    ran = []

    class Recorder:
        @rpc_method
        def change(self) -> None:
            ran.append(True)

    body = protocol.encode_call("change", {}, 1)
    error = orjson.loads(Dispatcher(Recorder()).answer(body, 0.0, "c"))["error"]
    assert (error["code"], error["data"]) == (-32006, {"sent": False})
    assert ran == []
    assert orjson.loads(Dispatcher(Recorder()).answer(body, NEVER, "c"))["result"] is None
    assert ran == [True]


def test_a_method_whose_parameters_cannot_be_named_is_refused_at_start():
    class Variadic:
        @rpc_method
        def method(self, *items: int) -> None: ...

    class Untyped:
        @rpc_method
        def method(self, item) -> None: ...

    for service in (Variadic(), Untyped()):
        with pytest.raises(TypeError, match=r"method: parameter item"):
            protocol.methods_of(service)


@pytest.mark.parametrize("kind", BY_CODE.values())
def test_every_error_survives_the_wire(kind: type[RpcError]):
    with pytest.raises(kind) as caught:
        protocol.decode_answer(protocol.encode_error(kind("why", object_id=3), 1))
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.data) == ("why", {"object_id": 3})


def test_codes_are_distinct():
    assert len({kind.code for kind in RpcError.__subclasses__()}) == len(RpcError.__subclasses__()) == len(BY_CODE)


def test_data_that_cannot_be_sent_does_not_hide_the_error():
    with pytest.raises(NotFound) as caught:
        protocol.decode_answer(protocol.encode_error(NotFound("why", thing=object()), 1))
    assert caught.value.data == {}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_error_object_confuses_the_client(report):
    try:
        body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": report, "message": report, "data": report}})
    except TypeError:
        return
    with pytest.raises(RpcError):
        protocol.decode_answer(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"error": 3}', b"<html>"])
def test_what_is_no_answer_is_an_internal_error(body):
    with pytest.raises(InternalError):
        protocol.decode_answer(body)

"""What a caller sees of a call, the same over a socket and within a process."""

import uuid

import pytest
import structlog

from cthulhu.rpc.client import Client
from cthulhu.rpc.errors import Conflict, InternalError, InvalidCall
from cthulhu.rpc.types import Accepted, Caller, Hello

CALLER = Caller(username="admin", correlation_id="c1", address="127.0.0.1")


def test_answers_arrive_as_their_types(client: Client):
    assert client.hello() == Hello(generation="first", pid=1)
    assert client.list_clusters() == [{"id": "f"}]


def test_a_list_is_sent_once_and_then_only_confirmed(client: Client):
    first = client.list("f", "osd")
    assert (first.version, first.unchanged, first.content[1]["in"]) == ("v1", False, False)
    second = client.list("f", "osd", known=first.version)
    assert (second.unchanged, second.content) == (True, None)


def test_a_change_carries_its_attributes_and_its_caller(client: Client, service):
    assert client.update("f", "osd", 1, {"in": False}, CALLER) == Accepted(request_id="r1")
    assert service.calls == [("update", "f", "osd", "1", {"in": False}, CALLER)]


def test_foreseen_errors_keep_their_class_message_and_data(client: Client):
    with pytest.raises(Conflict) as caught:
        client.cancel_request("r7", CALLER)
    assert caught.value.message == "It is complete"
    assert caught.value.data["request_id"] == "r7"
    assert caught.value.data["by"]["username"] == "admin"


def test_unforeseen_errors_are_logged_and_tell_the_caller_nothing(client: Client):
    with structlog.testing.capture_logs() as logs, pytest.raises(InternalError) as caught:
        client.valid_commands("f", "osd", 1)
    assert "secret" not in f"{caught.value.message}{caught.value.data}"
    assert [entry["event"] for entry in logs] == ["RPC method failed"]
    assert logs[0]["exc_info"] is True


def test_a_result_that_cannot_be_sent_is_an_internal_error(client: Client):
    with pytest.raises(InternalError):
        client.get_sync_object("f", "osd_map")


def test_an_answer_of_another_form_is_an_internal_error(client: Client):
    with pytest.raises(InternalError):
        client.implemented_commands("osd")


def test_what_is_not_marked_cannot_be_called(client: Client, service):
    with pytest.raises(InvalidCall):
        client.list_sync_objects("f")
    assert service.calls == []


@pytest.mark.parametrize("value", [2**70, "\ud800", {1, 2}])
def test_what_json_cannot_express_is_an_invalid_call(client: Client, service, value):
    with pytest.raises(InvalidCall):
        client.update("f", "osd", 1, {"reweight": value}, CALLER)
    assert service.calls == []


def test_the_correlation_id_and_the_deadline_reach_the_method(client: Client, service):
    with structlog.contextvars.bound_contextvars(correlation_id="abc-1"):
        client.hello()
        assert structlog.contextvars.get_contextvars()["correlation_id"] == "abc-1"
    assert service.contexts[0]["correlation_id"] == "abc-1"
    assert 4 < service.contexts[0]["remaining"] <= 5


def test_a_correlation_id_is_made_up_where_there_is_none(client: Client, service):
    client.hello()
    client.hello()
    first, second = (context["correlation_id"] for context in service.contexts)
    assert uuid.UUID(first) != uuid.UUID(second)


def test_a_correlation_id_cannot_break_the_header(client: Client, service):
    with structlog.contextvars.bound_contextvars(correlation_id="a\r\nx-evil: 1 \u20ac" + "b" * 500):
        client.hello()
    assert service.contexts[0]["correlation_id"].startswith("ax-evil:1b")
    assert len(service.contexts[0]["correlation_id"]) <= 128

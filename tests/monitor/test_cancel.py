"""Cancelling over the service: what has not begun never will; what has begun is told honestly."""

import datetime as dt
from types import SimpleNamespace

import pytest
from django.utils import timezone

from cthulhu import tasks
from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.monitor.service import Service
from cthulhu.persistence.models import Event, Request, Step
from cthulhu.rpc.errors import NotFound
from tests.monitor.played_nodes import CALLER, Nodes, RecordingRemote


@pytest.fixture
def service(monitor: ClusterMonitor) -> Service:
    return Service(SimpleNamespace(generation="g", clusters={monitor.fsid: monitor}))


@pytest.fixture
def sent(monitor: ClusterMonitor, nodes: Nodes, handed_over: list[int]) -> Request:
    """A change of two steps, the first of which was sent to node1."""
    request = Request.objects.get(id=monitor.update("osd", "1", {"in": False, "up": False}, CALLER))
    while handed_over:
        tasks.submit_step(handed_over.pop(0))
    return request


def states(request: Request) -> tuple[str, list[str]]:
    request.refresh_from_db()
    return request.state, [step.state for step in request.steps.all()]


def test_node_is_asked_to_refuse(
    service: Service, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, sent: Request
) -> None:
    assert service.cancel_request(str(sent.id), CALLER) == str(sent.id)
    assert states(sent) == ("submitted", ["canceling", "canceled"])
    monitor.tick()
    question = remote.last("ceph.outcome")
    assert question.node == "node1"
    nodes.answer(question, "absent", reason="it never came here")
    assert states(sent) == ("complete", ["canceled", "canceled"])
    assert sent.error_message == "Cancelled"
    assert Event.objects.filter(kind="request.cancel", requested_by="admin").exists()


def test_what_had_begun_is_told_honestly(
    service: Service, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, sent: Request
) -> None:
    service.cancel_request(str(sent.id), CALLER)
    epoch = nodes.push_osd_map(**{"in": 0}, weight=0.0)
    nodes.answer(remote.last("ceph.run_command"), "done", epoch=epoch)
    monitor.tick()
    assert states(sent) == ("complete", ["succeeded", "canceled"])


def test_silent_node_is_verified(
    service: Service, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, sent: Request
) -> None:
    service.cancel_request(str(sent.id), CALLER)
    Step.objects.filter(request=sent, position=0).update(not_after=timezone.now() - dt.timedelta(seconds=30))
    monitor.tick()
    assert states(sent)[1][0] == "verifying"


def test_complete_request_stays_as_it_is(
    service: Service, nodes: Nodes, remote: RecordingRemote, sent: Request
) -> None:
    nodes.answer(remote.last("ceph.run_command"), "failed", status="refused")
    before = Event.objects.count()
    service.cancel_request(str(sent.id), CALLER)
    assert states(sent) == ("complete", ["failed", "canceled"])
    assert sent.error_message == "refused"
    assert Event.objects.count() == before


@pytest.mark.parametrize("request_id", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_unknown_request(service: Service, request_id: str) -> None:
    with pytest.raises(NotFound):
        service.cancel_request(request_id, CALLER)

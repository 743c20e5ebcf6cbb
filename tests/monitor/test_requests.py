"""A change from its acceptance to its end: every way it may go, and what must never happen on the way."""

import datetime as dt
import time
from typing import Any

import pytest
from django.utils import timezone

from cthulhu import tasks
from cthulhu.monitor.cluster_monitor import ClusterMonitor
from cthulhu.persistence import ledger
from cthulhu.persistence.models import Event, Request, Step
from cthulhu.remote.port import JobReturn, RemoteUnavailable
from cthulhu.rpc.errors import ClusterUnavailable, CommandNotAllowed, InvalidAttributes, NotFound
from cthulhu.rpc.version_vector import VersionVectorReader
from tests.monitor.played_nodes import CALLER, Job, Nodes, RecordingRemote


def ask(monitor: ClusterMonitor, **attributes: Any) -> Request:
    request_id = monitor.update("osd", "1", attributes, CALLER)
    assert request_id is not None
    return Request.objects.get(id=request_id)


def work(handed_over: list[int]) -> None:
    """Do what the worker does with everything handed to it."""
    while handed_over:
        tasks.submit_step(handed_over.pop(0))


def state(request: Request) -> tuple[str, bool, list[str]]:
    request.refresh_from_db()
    return request.state, request.error, [step.state for step in request.steps.all()]


def pass_deadline(request: Request) -> None:
    """Let the step's deadline, and all patience with it, have passed."""
    past = timezone.now() - dt.timedelta(seconds=30)
    Step.objects.filter(request=request).update(not_after=past, entered_at=past)


class TestTheStraightWay:
    def test_out(
        self,
        monitor: ClusterMonitor,
        nodes: Nodes,
        remote: RecordingRemote,
        handed_over: list[int],
        read_vector: VersionVectorReader,
    ) -> None:
        request = ask(monitor, **{"in": False})
        assert state(request) == ("new", False, ["new"])
        work(handed_over)
        assert state(request) == ("submitted", False, ["submitted"])
        job = remote.last("ceph.run_command")
        assert job.node == "node1"
        assert job.arguments["command"] == {"prefix": "osd out", "ids": ["1"]}
        assert job.arguments["not_after"] > time.time()
        step = Step.objects.get(request=request)
        assert (step.job_id, step.node) == (job.job_id, "node1")

        epoch = monitor.state.objects.get("osd_map").version + 1
        nodes.answer(job, "done", epoch=epoch)
        assert state(request) == ("submitted", False, ["awaiting_map"])
        assert request.status == f"Waiting for OSD map epoch {epoch}"

        assert nodes.push_osd_map(**{"in": 0}, weight=0.0) == epoch
        assert state(request) == ("complete", False, ["succeeded"])
        assert request.status == "Completed successfully"
        assert request.completed_at is not None
        # A read after completion shows the change, on whichever process: the vector moved first.
        vector = read_vector.read()
        assert vector is not None
        rows = monitor.state.rows("osd")
        assert vector.clusters[monitor.fsid].objects["osd"] == rows.version
        assert next(row for row in rows.content if row["id"] == 1)["in"] is False

    def test_steps_run_one_after_the_other(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        nodes.push_osd_map(**{"in": 0}, weight=0.0)
        request = ask(monitor, **{"in": True, "reweight": 0.5})
        work(handed_over)
        assert state(request) == ("submitted", False, ["submitted", "new"])
        epoch = nodes.push_osd_map(**{"in": 1}, weight=1.0)
        nodes.answer(remote.last("ceph.run_command"), "done", epoch=epoch)
        monitor.tick()
        work(handed_over)
        assert state(request) == ("submitted", False, ["succeeded", "submitted"])
        assert remote.last("ceph.run_command").arguments["step"] == 1

    def test_nothing_to_do(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        assert monitor.update("osd", "1", {"in": True}, CALLER) is None
        assert not Request.objects.exists()

    def test_a_pending_change_hides_that_nothing_is_to_do(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        ask(monitor, **{"in": False})
        back = ask(monitor, **{"in": True})
        assert [step.command["prefix"] for step in back.steps.all()] == ["osd in"]

    def test_command_without_map(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request_id = monitor.apply("osd", "1", "scrub", CALLER)
        work(handed_over)
        nodes.answer(remote.last("ceph.run_command"), "done")
        assert state(Request.objects.get(id=request_id)) == ("complete", False, ["succeeded"])


class TestRefusals:
    @pytest.mark.parametrize(
        ("osd", "attributes", "error"),
        [
            ("99", {"in": False}, NotFound),
            ("1", {"in": "no"}, InvalidAttributes),
            ("1", {"color": "red"}, InvalidAttributes),
        ],
    )
    def test_leave_nothing_behind(
        self, monitor: ClusterMonitor, nodes: Nodes, osd: str, attributes: dict[str, Any], error: type[Exception]
    ) -> None:
        before = Event.objects.count()
        with pytest.raises(error):
            monitor.update("osd", osd, attributes, CALLER)
        assert not Request.objects.exists()
        assert Event.objects.count() == before

    def test_command_on_an_osd_that_is_down(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        nodes.push_osd_map(up=0)
        with pytest.raises(CommandNotAllowed):
            monitor.apply("osd", "1", "scrub", CALLER)

    def test_out_of_contact(self, monitor: ClusterMonitor, nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
        later = time.time() + 10
        monkeypatch.setattr(time, "time", lambda: later)
        with pytest.raises(ClusterUnavailable):
            monitor.update("osd", "1", {"in": False}, CALLER)
        assert not Request.objects.exists()

    def test_a_refused_command_fails_the_request_and_spares_its_later_steps(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False, "up": False})
        work(handed_over)
        nodes.answer(remote.last("ceph.run_command"), "failed", code=-22, status="invalid osd id")
        assert state(request) == ("complete", True, ["failed", "canceled"])
        assert request.error_message == "invalid osd id"
        work(handed_over)
        assert len([job for job in remote.jobs if job.function == "ceph.run_command"]) == 1


class TestOneAtATime:
    def test_second_change_of_an_object_waits_for_the_first(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        first, second = ask(monitor, reweight=0.9), ask(monitor, reweight=0.8)
        assert state(second) == ("new", False, ["blocked"])
        assert str(first.id) in second.status
        work(handed_over)
        # Even a message that comes too early does not start it.
        tasks.submit_step(second.steps.get().pk)
        assert state(second) == ("new", False, ["blocked"])

        epoch = nodes.push_osd_map(weight=0.9)
        nodes.answer(remote.last("ceph.run_command"), "done", epoch=epoch)
        monitor.tick()
        work(handed_over)
        assert state(first) == ("complete", False, ["succeeded"])
        assert state(second) == ("submitted", False, ["submitted"])

    def test_changes_of_other_objects_do_not_wait(
        self, monitor: ClusterMonitor, nodes: Nodes, handed_over: list[int]
    ) -> None:
        ask(monitor, reweight=0.9)
        other = monitor.update("osd", "0", {"reweight": 0.9}, CALLER)
        work(handed_over)
        assert state(Request.objects.get(id=other)) == ("submitted", False, ["submitted"])


class TestWhatGetsLost:
    def test_message_to_the_worker(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        handed_over.clear()
        monitor.tick()
        assert handed_over == []
        Step.objects.update(attempted_at=timezone.now() - dt.timedelta(seconds=5))
        monitor.tick()
        work(handed_over)
        assert state(request)[0] == "submitted"

    def test_message_that_comes_twice_publishes_the_same_job(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        step_id = request.steps.get().pk
        for _ in range(3):
            tasks.submit_step(step_id)
        jobs = [job for job in remote.jobs if job.function == "ceph.run_command"]
        assert len({(job.job_id, job.node, job.arguments["not_after"]) for job in jobs}) == 1

    def test_no_worker_until_the_deadline(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        Step.objects.update(ready_at=timezone.now() - dt.timedelta(seconds=60))
        monitor.tick()
        assert state(request) == ("complete", True, ["failed"])
        work(handed_over)
        assert not [job for job in remote.jobs if job.function == "ceph.run_command"]

    def test_answer_is_asked_for_again(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        work(handed_over)
        Step.objects.update(attempted_at=timezone.now() - dt.timedelta(seconds=5))
        monitor.tick()
        assert handed_over == [request.steps.get().pk]

    def test_carrier_that_confirms_nothing(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int], monkeypatch: Any
    ) -> None:
        request = ask(monitor, **{"in": False})

        def refuse(*_: Any) -> None:
            raise RemoteUnavailable("the master does not answer")

        monkeypatch.setattr(remote, "publish", refuse)
        work(handed_over)
        assert state(request)[0] == "submitted"


class TestVerifying:
    @pytest.fixture
    def silent(self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]) -> Request:
        """A change that was sent, and no answer by the deadline."""
        request = ask(monitor, **{"in": False})
        work(handed_over)
        pass_deadline(request)
        monitor.tick()
        assert state(request)[2] == ["verifying"]
        return request

    def test_nothing_is_sent_again(
        self, monitor: ClusterMonitor, silent: Request, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        sent = len([job for job in remote.jobs if job.function == "ceph.run_command"])
        for _ in range(5):
            monitor.tick()
        tasks.submit_step(silent.steps.get().pk)
        work(handed_over)
        assert len([job for job in remote.jobs if job.function == "ceph.run_command"]) == sent

    def test_effect_is_seen(self, monitor: ClusterMonitor, nodes: Nodes, silent: Request) -> None:
        nodes.push_osd_map(**{"in": 0}, weight=0.0)
        monitor.tick()
        assert state(silent) == ("complete", False, ["succeeded"])

    def test_node_says_that_it_never_ran(
        self, monitor: ClusterMonitor, nodes: Nodes, silent: Request, remote: RecordingRemote
    ) -> None:
        monitor.tick()
        nodes.answer(remote.last("ceph.outcome"), "absent", reason="not in the journal")
        assert state(silent) == ("complete", True, ["failed"])
        assert "did not answer before the deadline" in silent.error_message

    def test_node_says_that_it_ran(
        self, monitor: ClusterMonitor, nodes: Nodes, silent: Request, remote: RecordingRemote
    ) -> None:
        monitor.tick()
        epoch = monitor.state.objects.get("osd_map").version + 1
        nodes.answer(remote.last("ceph.outcome"), "done", epoch=epoch)
        assert state(silent)[2] == ["verifying"]
        nodes.push_osd_map(weight=1.0)
        monitor.tick()
        assert state(silent) == ("complete", False, ["succeeded"])

    def audit(
        self, nodes: Nodes, job: Job, *, found: bool, finished: bool, seconds: float, reaches: float = 3600
    ) -> None:
        result = {
            "kind": "audit",
            "request_id": job.arguments["request_id"],
            "step": job.arguments["step"],
            "found": found,
            "finished": finished,
            "lines": [],
            "oldest": (timezone.now() - dt.timedelta(seconds=reaches)).isoformat(),
        }
        nodes.monitor.handle(JobReturn(job.node, time.time() + seconds, job.job_id, job.function, True, result, None))

    def test_audit_log_says_that_it_ran(
        self, monitor: ClusterMonitor, nodes: Nodes, silent: Request, remote: RecordingRemote
    ) -> None:
        monitor.tick()
        self.audit(nodes, remote.last("ceph.find_in_audit"), found=True, finished=True, seconds=0)
        assert state(silent) == ("complete", False, ["succeeded"])

    def test_audit_log_is_believed_only_when_it_has_settled(
        self, monitor: ClusterMonitor, nodes: Nodes, silent: Request, remote: RecordingRemote
    ) -> None:
        monitor.tick()
        job = remote.last("ceph.find_in_audit")
        self.audit(nodes, job, found=False, finished=False, seconds=0)
        assert state(silent)[2] == ["verifying"]
        # Fifty lines may be younger than the command: then its absence says nothing.
        Step.objects.update(issued_at=timezone.now() - dt.timedelta(seconds=60))
        self.audit(nodes, job, found=False, finished=False, seconds=20, reaches=5)
        assert state(silent)[2] == ["verifying"]
        self.audit(nodes, job, found=False, finished=False, seconds=20)
        assert state(silent) == ("complete", True, ["failed"])

    def test_nobody_knows(self, monitor: ClusterMonitor, silent: Request) -> None:
        Step.objects.update(expectation=None)
        self.long_in_contact(monitor)
        monitor.tick()
        assert state(silent) == ("complete", True, ["lost"])

    def test_state_without_the_effect_decides_in_the_end(self, monitor: ClusterMonitor, silent: Request) -> None:
        self.long_in_contact(monitor)
        monitor.tick()
        assert state(silent) == ("complete", True, ["failed"])
        assert "does not show the effect" in silent.error_message

    def long_in_contact(self, monitor: ClusterMonitor) -> None:
        monitor._connected_since = timezone.now() - dt.timedelta(seconds=500)
        Step.objects.update(entered_at=timezone.now() - dt.timedelta(seconds=400))

    def test_silence_decides_nothing_while_the_cluster_is_out_of_contact(
        self, monitor: ClusterMonitor, silent: Request
    ) -> None:
        monitor._tracker.tick(0, None)
        Step.objects.update(entered_at=timezone.now() - dt.timedelta(seconds=4000))
        monitor._tracker.tick(0, None)
        assert state(silent)[2] == ["verifying"]


class TestForeignAnswers:
    def test_of_another_node(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        work(handed_over)
        nodes.answer(remote.last("ceph.run_command"), "failed", node="node2")
        assert state(request)[2] == ["submitted"]

    def test_for_another_step(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        work(handed_over)
        nodes.answer(remote.last("ceph.run_command"), "failed", step=7)
        assert state(request)[2] == ["submitted"]

    def test_to_no_job_of_ours(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        job = Job("node1", "ceph.run_command", {"request_id": "x", "step": 0}, "unknown")
        nodes.answer(job, "done")

    def test_that_come_late_change_nothing(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False})
        work(handed_over)
        job = remote.last("ceph.run_command")
        nodes.answer(job, "failed", status="first")
        nodes.answer(job, "done", epoch=1)
        assert state(request) == ("complete", True, ["failed"])
        assert request.error_message == "first"


class TestCancel:
    def test_before_it_is_sent(
        self, monitor: ClusterMonitor, nodes: Nodes, remote: RecordingRemote, handed_over: list[int]
    ) -> None:
        request = ask(monitor, **{"in": False, "up": False})
        ledger.cancel(request)
        assert state(request) == ("complete", True, ["canceled", "canceled"])
        assert request.error_message == "Cancelled"
        work(handed_over)
        assert not [job for job in remote.jobs if job.function == "ceph.run_command"]

    def test_lets_the_next_request_go(self, monitor: ClusterMonitor, nodes: Nodes, handed_over: list[int]) -> None:
        first, second = ask(monitor, reweight=0.9), ask(monitor, reweight=0.8)
        ledger.cancel(first)
        work(handed_over)
        assert state(second)[0] == "submitted"

    def test_is_idempotent(self, monitor: ClusterMonitor, nodes: Nodes) -> None:
        request = ask(monitor, **{"in": False})
        ledger.cancel(request)
        completed_at = Request.objects.get(id=request.id).completed_at
        assert ledger.cancel(request).completed_at == completed_at

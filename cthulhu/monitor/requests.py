"""Following the steps of one cluster's requests to their end.

The worker publishes; the answers come in here. Everything is level based: `tick` looks at the rows, so that a lost
message, a lost answer or a restart of any process delays a step but never decides it. Neighbours: the ledger, which
alone moves steps, and `verification`, which finds out what became of a step after contact was lost.
"""

import datetime as dt
from typing import Any

import structlog
from django.utils import timezone

from configuration import Settings
from cthulhu.monitor.verification import Verification
from cthulhu.persistence import carrier, ledger
from cthulhu.persistence.models import Step
from cthulhu.remote.port import JobReturn
from cthulhu.requests.states import StepState

log = structlog.get_logger(__name__)

# How long the worker may take to claim a step, and a node to answer, before the step is handed over again.
HAND_OVER_AGAIN = dt.timedelta(seconds=2)
PUBLISH_AGAIN = dt.timedelta(seconds=3)
# What a command that started just before the deadline may still need.
GRACE = dt.timedelta(seconds=2)


class RequestTracker:
    """Moves the steps of one cluster; used by its ClusterMonitor's thread alone."""

    def __init__(self, fsid: str, settings: Settings, verification: Verification) -> None:
        self.fsid = fsid
        self._settings = settings
        self._verification = verification

    def on_return(self, returned: JobReturn) -> None:
        """Take in what a node answered to a job of ours; what belongs to no step of ours is dropped."""
        step = self._step_of(returned)
        if step is None:
            return
        if not returned.success or returned.result is None:
            reason = f"{returned.node} could not run the job: {returned.error}"
            ledger.move(step, StepState.VERIFYING, reason=reason)
        elif returned.result["kind"] == "audit":
            self._verification.on_audit(step, returned.result, returned.received_at)
        else:
            self._on_result(step, returned.result)

    def on_osd_map(self, epoch: int) -> None:
        """Complete the steps that waited for an OSD map which has now arrived."""
        for step in self._steps(StepState.AWAITING_MAP):
            if step.epoch is not None and step.epoch <= epoch:
                ledger.move(step, StepState.SUCCEEDED)

    def tick(self, osd_map_epoch: int, connected_since: dt.datetime | None) -> None:
        """Hand over, ask again, give up: once a second, for every step that is not final.

        `connected_since` is None while the cluster is out of contact; nothing is decided by silence then.
        """
        now = timezone.now()
        for step in ledger.unfinished_steps(self.fsid):
            match StepState(step.state):
                case StepState.NEW | StepState.BLOCKED:
                    self._tend_waiting(step, now)
                case StepState.SUBMITTED:
                    self._tend_submitted(step, now)
                case StepState.AWAITING_MAP:
                    self._tend_awaiting(step, now, osd_map_epoch, connected_since)
                case StepState.VERIFYING | StepState.CANCELING:
                    self._verification.tend(step, now, osd_map_epoch, connected_since)

    def _step_of(self, returned: JobReturn) -> Step | None:
        step = Step.objects.select_related("request").filter(job_id=returned.job_id, request__fsid=self.fsid).first()
        if step is None:
            step = self._verification.step_of(returned.job_id)
        elif step.node != returned.node:
            step = None
        if step is None:
            log.warning("answer to a job that is not ours", job=returned.job_id, node=returned.node)
            return None
        result = returned.result
        if result is not None and (result.get("request_id"), result.get("step")) != (
            str(step.request.id),
            step.position,
        ):
            log.warning("answer for another step", job=returned.job_id, node=returned.node)
            return None
        return step

    def _on_result(self, step: Step, result: dict[str, Any]) -> None:
        match result["outcome"]:
            case "done":
                self._on_done(step, result)
            case "failed":
                message = result["status"] or f"Error {result['code']}"
                ledger.move(step, StepState.FAILED, result=result, error_message=message)
            case "refused" | "absent":
                self._verification.on_never_ran(step, result)
            case "unknown":
                ledger.move(step, StepState.VERIFYING, result=result, reason=result["reason"])
            case _:
                log.debug("step still running", step=step.pk)

    def _on_done(self, step: Step, result: dict[str, Any]) -> None:
        if not step.moves_osd_map or result["epoch"] is None:
            ledger.move(step, StepState.SUCCEEDED, result=result)
        elif not ledger.move(step, StepState.AWAITING_MAP, result=result, epoch=result["epoch"]):
            # From verifying or canceling there is no way to awaiting_map: `tend` completes it when the map is there.
            Step.objects.filter(pk=step.pk).update(result=result, epoch=result["epoch"])

    def _tend_waiting(self, step: Step, now: dt.datetime) -> None:
        if not ledger.is_ready(step):
            return
        if step.ready_at and now - step.ready_at > dt.timedelta(seconds=self._settings.step_deadline):
            message = f"Not sent within {self._settings.step_deadline:g} s: no worker or no node took it."
            ledger.move(step, StepState.FAILED, error_message=message)
        elif step.attempted_at is None or now - step.attempted_at > HAND_OVER_AGAIN:
            carrier.hand_over(step)

    def _tend_submitted(self, step: Step, now: dt.datetime) -> None:
        assert step.not_after is not None  # noqa: S101  (written together with the state)
        if now > step.not_after + GRACE:
            ledger.move(step, StepState.VERIFYING, reason=f"{step.node} did not answer before the deadline")
        elif step.attempted_at is None or now - step.attempted_at > PUBLISH_AGAIN:
            carrier.hand_over(step)

    def _tend_awaiting(
        self, step: Step, now: dt.datetime, osd_map_epoch: int, connected_since: dt.datetime | None
    ) -> None:
        if step.epoch is not None and step.epoch <= osd_map_epoch:
            ledger.move(step, StepState.SUCCEEDED)
        elif connected_since and now - max(step.entered_at, connected_since) > dt.timedelta(
            seconds=self._settings.map_timeout
        ):
            message = f"OSD map epoch {step.epoch} was not seen within {self._settings.map_timeout:g} s."
            ledger.move(step, StepState.TIMED_OUT, error_message=message)

    def _steps(self, state: StepState) -> list[Step]:
        return list(Step.objects.select_related("request").filter(request__fsid=self.fsid, state=state))

"""Finding out what became of a step whose answer did not come, by reading only.

Three witnesses, in this order: the cluster's own state (does it show what the step was to bring about?), the node's
journal (`ceph.outcome`, which also makes the node refuse the step from then on), and the cluster's audit log
(`ceph.find_in_audit`, on the favorite node). Nothing is ever sent again from here.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import structlog

from configuration import Settings
from cthulhu.monitor.nodes import Nodes
from cthulhu.persistence import ledger
from cthulhu.persistence.models import Step
from cthulhu.remote.port import Remote, RemoteUnavailable
from cthulhu.requests.commands import Target
from cthulhu.requests.states import StepState
from cthulhu.requests.user_request import Expectation

log = structlog.get_logger(__name__)

OUTCOME = "ceph.outcome"
FIND_IN_AUDIT = "ceph.find_in_audit"

ASK_AGAIN = 3.0
# The audit log is itself committed by the monitors, in batches of about a second: absence proves nothing before that.
AUDIT_SETTLES = dt.timedelta(seconds=6)
# How long the node and the audit log are asked before a state without the effect is taken for the answer.
STATE_DECIDES = dt.timedelta(seconds=12)
MOST_OPEN_QUESTIONS = 10_000

Row = dict[str, Any]


class Verification:
    """Asks the witnesses about the steps in `verifying` and `canceling`; used by its ClusterMonitor's thread alone.

    `row_of(object_type, object_id)` returns the object's row in the newest state, None if there is none.
    """

    def __init__(
        self, remote: Remote, nodes: Nodes, settings: Settings, row_of: Callable[[str, str], Row | None]
    ) -> None:
        self._remote = remote
        self._nodes = nodes
        self._settings = settings
        self._row_of = row_of
        self._questions: dict[str, int] = {}
        self._asked_at: dict[int, float] = {}

    def step_of(self, job_id: str) -> Step | None:
        """Return the step about which a job of ours asked."""
        step_id = self._questions.get(job_id)
        return Step.objects.select_related("request").filter(pk=step_id).first() if step_id is not None else None

    def tend(self, step: Step, now: dt.datetime, osd_map_epoch: int, connected_since: dt.datetime | None) -> None:
        """Conclude from what is known, or ask on."""
        canceling = step.state == StepState.CANCELING
        if self._is_done(step, osd_map_epoch) or (not canceling and self._shows_effect(step)):
            self._conclude(step, StepState.SUCCEEDED)
        elif (
            not canceling
            and connected_since
            and self._shows_no_effect(step, max(step.entered_at, connected_since), now)
        ):
            message = f"{step.reason}; the cluster does not show the effect, and the command is refused from now on."
            self._conclude(step, StepState.FAILED, error_message=message)
        elif canceling and step.not_after and now > step.not_after + dt.timedelta(seconds=ASK_AGAIN):
            ledger.move(step, StepState.VERIFYING, reason=f"{step.node} did not answer to the cancellation")
        elif (
            not canceling
            and connected_since
            and now - max(step.entered_at, connected_since) > dt.timedelta(seconds=self._settings.verify_timeout)
        ):
            message = f"{step.reason}; whether the command ran could not be found out."
            self._conclude(step, StepState.LOST, error_message=message)
        else:
            self._ask(step, now)

    def on_never_ran(self, step: Step, result: dict[str, Any]) -> None:
        """The node's journal has no such step, and from now on the node refuses it: it never ran and never will."""
        if step.state == StepState.CANCELING:
            self._conclude(step, StepState.CANCELED, result=result, error_message="Cancelled")
            return
        reason = step.reason or result["reason"]
        message = f"{step.node} did not run the command: {reason}."
        self._conclude(step, StepState.FAILED, result=result, error_message=message)

    def on_audit(self, step: Step, result: dict[str, Any], received_at: float) -> None:
        """Take in what the monitors' audit log says of a step.

        A command to the manager has no effect on a map: that it was dispatched is all there is to know.
        """
        if step.state != StepState.VERIFYING:
            return
        if result["finished"] or (result["found"] and step.target == Target.MGR):
            self._conclude(step, StepState.SUCCEEDED)
        elif not result["found"] and _audit_is_final(step, result["oldest"], received_at):
            message = (
                f"{step.reason}; the command does not stand in the cluster's audit log and is refused from now on."
            )
            self._conclude(step, StepState.FAILED, error_message=message)

    def _is_done(self, step: Step, osd_map_epoch: int) -> bool:
        """Tell whether the node has answered that it ran the command, and our map shows it."""
        if step.result is None or step.result.get("outcome") != "done":
            return False
        return step.epoch is None or step.epoch <= osd_map_epoch

    def _shows_effect(self, step: Step) -> bool:
        if step.expectation is None:
            return False
        expectation = Expectation.from_json(step.expectation)
        return expectation.holds(self._row_of(expectation.object_type, str(expectation.object_id)))

    def _shows_no_effect(self, step: Step, since: dt.datetime, now: dt.datetime) -> bool:
        """Tell whether the state speaks against a step, after its node had the time to speak for itself."""
        return step.expectation is not None and _is_settled(step, now) and now - since > STATE_DECIDES

    def _conclude(self, step: Step, target: StepState, **changes: Any) -> None:
        if ledger.move(step, target, **changes):
            self._asked_at.pop(step.pk, None)
            self._questions = {job: asked for job, asked in self._questions.items() if asked != step.pk}

    def _ask(self, step: Step, now: dt.datetime) -> None:
        moment = now.timestamp()
        if moment - self._asked_at.get(step.pk, 0.0) < ASK_AGAIN:
            return
        self._asked_at[step.pk] = moment
        if step.node and self._nodes.is_alive(step.node, moment):
            self._publish(step, step.node, OUTCOME)
        if step.state == StepState.VERIFYING and self._nodes.favorite is not None:
            self._publish(step, self._nodes.favorite, FIND_IN_AUDIT)

    def _publish(self, step: Step, node: str, function: str) -> None:
        job_id = self._remote.new_job_id()
        if len(self._questions) >= MOST_OPEN_QUESTIONS:
            self._questions.clear()
        self._questions[job_id] = step.pk
        try:
            self._remote.publish(node, function, {"request_id": str(step.request.id), "step": step.position}, job_id)
        except RemoteUnavailable as error:
            log.warning("question not sent", function=function, node=node, error=str(error))


def _audit_is_final(step: Step, oldest: str | None, received_at: float) -> bool:
    """Tell whether a command that is not in the log never ran and never will.

    It must be too late for it, the log must have settled since, and must reach back to before the command was issued:
    the monitors keep only the latest lines (`mon_log_max_summary`).
    """
    if (
        step.issued_at is None
        or oldest is None
        or not _is_settled(step, dt.datetime.fromtimestamp(received_at, dt.UTC))
    ):
        return False
    return dt.datetime.fromisoformat(oldest) < step.issued_at


def _is_settled(step: Step, now: dt.datetime) -> bool:
    """Tell whether whatever a step could still have done must show by now: its deadline is long over."""
    return step.not_after is not None and now > max(step.not_after, step.entered_at) + AUDIT_SETTLES

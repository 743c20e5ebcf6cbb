"""The ledger of requests and steps: the only code that changes their rows.

A move of a step is one compare-and-swap UPDATE along the table of `cthulhu.requests.states`, in one transaction with
its event and with what follows from it: the request's derived state, the next step or the next request in line.
Whoever loses a race changes nothing and is told so by None.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from cthulhu.persistence import carrier
from cthulhu.persistence.events import record_about
from cthulhu.persistence.models import Request, Severity, Step
from cthulhu.requests.states import FINAL, WAITING, RequestState, StepState, derive_request_state, sources_of
from cthulhu.requests.user_request import UserRequest
from cthulhu.rpc.types import Caller

CANCELED_BY_PREDECESSOR = "An earlier step of the request did not succeed."


def create_request(fsid: str, cluster_name: str, planned: UserRequest, caller: Caller) -> Request:
    """Store a request with all its steps and hand the first one over, or block it behind the object's other requests.

    The caller holds the cluster's writer lock, so two requests on one object are never created at the same time.
    """
    now = timezone.now()
    with transaction.atomic():
        request = Request.objects.create(
            fsid=fsid,
            cluster_name=cluster_name,
            object_type=planned.object_type,
            object_id=planned.object_id,
            attributes=planned.attributes,
            headline=planned.headline,
            requested_by=caller.username,
            address=caller.address,
            correlation_id=caller.correlation_id,
            requested_at=now,
            status="Waiting to be sent",
        )
        Step.objects.bulk_create(
            Step(
                request=request,
                position=position,
                command=step.command,
                target=step.kind.target.value,
                moves_osd_map=step.kind.moves_osd_map,
                expectation=step.expectation.as_json() if step.expectation else None,
                entered_at=now,
            )
            for position, step in enumerate(planned.steps)
        )
        record_about(request, Severity.INFO, "request.started", f"Started: {planned.headline}")
        _start(request)
    return request


def incomplete(fsid: str, object_type: str, object_id: str) -> QuerySet[Request]:
    """Return the requests on one object that are not complete, oldest first."""
    return (
        Request.objects.filter(fsid=fsid, object_type=object_type, object_id=object_id)
        .exclude(state=RequestState.COMPLETE)
        .order_by("sequence")
    )


def claim(step_id: int, *, node: str, job_id: str, not_after: datetime) -> Step | None:
    """Move a waiting step whose turn it is to `submitted`, storing what is needed to recognize its return.

    Returns:
        The step, or None when it is not its turn, or somebody else has taken it.
    """
    with transaction.atomic():
        step = Step.objects.select_related("request").get(pk=step_id)
        if StepState(step.state) not in WAITING or not is_ready(step):
            return None
        now = timezone.now()
        return move(
            step, StepState.SUBMITTED, node=node, job_id=job_id, not_after=not_after, issued_at=now, attempted_at=now
        )


def is_ready(step: Step) -> bool:
    """Tell whether all earlier steps succeeded and no older request on the same object is still running."""
    request = step.request
    earlier = request.steps.filter(position__lt=step.position).exclude(state=StepState.SUCCEEDED)
    older = incomplete(request.fsid, request.object_type, request.object_id).filter(sequence__lt=request.sequence)
    return not earlier.exists() and not older.exists()


def move(step: Step, target: StepState, **changes: Any) -> Step | None:
    """Move a step to `target` if it stands where the table allows that, writing `changes` to it.

    Returns:
        The step as it is now, or None when it had moved on: then nothing was changed.
    """
    with transaction.atomic():
        # Steps of one request may be moved by several processes at once; the state derived below must see all of them.
        Request.objects.select_for_update().get(pk=step.request_id)
        moved = Step.objects.filter(pk=step.pk, state__in=sources_of(target)).update(
            state=target, entered_at=timezone.now(), **changes
        )
        if not moved:
            return None
        step = Step.objects.select_related("request").get(pk=step.pk)
        message = f"Step {step.position + 1} ({step.command['prefix']}) is {target}"
        record_about(step.request, Severity.DEBUG, f"step.{target}", message)
        _after_move(step)
        return step


def cancel(request: Request) -> Request:
    """Cancel the steps that have not been sent; those under way run to their end, since Ceph cannot take them back.

    Idempotent; a complete request is returned as it is.
    """
    with transaction.atomic():
        for step in request.steps.filter(state__in=WAITING).order_by("-position"):
            move(step, StepState.CANCELED, error_message="Cancelled")
    request.refresh_from_db()
    return request


def unfinished_steps(fsid: str) -> Iterable[Step]:
    """Return all steps of a cluster that are not final, with their requests, oldest request first."""
    return (
        Step.objects.filter(request__fsid=fsid)
        .exclude(state__in=FINAL)
        .select_related("request")
        .order_by("request__sequence", "position")
    )


def _start(request: Request) -> None:
    """Hand the request's first waiting step over, or record what it waits for."""
    step = request.steps.filter(state__in=WAITING).order_by("position").first()
    if step is None:
        return
    ahead = incomplete(request.fsid, request.object_type, request.object_id).filter(sequence__lt=request.sequence)
    blocker = ahead.first()
    if blocker is None:
        carrier.hand_over(step)
    elif step.state == StepState.NEW:
        move(step, StepState.BLOCKED, reason=f"Waits for request {blocker.id}: {blocker.headline}")


def _after_move(step: Step) -> None:
    """Carry out what follows from a step's move, inside its transaction."""
    state = StepState(step.state)
    request = step.request
    if state in FINAL and state is not StepState.SUCCEEDED:
        _cancel_rest(step)
    _derive(request)
    if request.state == RequestState.COMPLETE:
        _finish(request)
    elif state is StepState.SUCCEEDED:
        _start(request)


def _cancel_rest(step: Step) -> None:
    """Cancel the later steps, without each of them deriving the request's state anew."""
    Step.objects.filter(request=step.request, position__gt=step.position, state__in=WAITING).update(
        state=StepState.CANCELED, entered_at=timezone.now(), error_message=CANCELED_BY_PREDECESSOR
    )


def _derive(request: Request) -> None:
    steps = list(request.steps.order_by("position"))
    state, error = derive_request_state([StepState(step.state) for step in steps])
    request.state, request.error = state, error
    if error:
        culprit = next(step for step in steps if step.state != StepState.SUCCEEDED)
        request.error_message = culprit.error_message or f"Step {culprit.position + 1} is {culprit.state}"
    request.status = _status_text(request, steps)
    if state is RequestState.COMPLETE:
        request.completed_at = timezone.now()
    request.save(update_fields=["state", "error", "error_message", "status", "completed_at"])


def _status_text(request: Request, steps: list[Step]) -> str:
    """Return Calamari's sentence for where a request stands."""
    if request.state == RequestState.COMPLETE:
        return f"Failed ({request.error_message})" if request.error else "Completed successfully"
    current = next(step for step in steps if StepState(step.state) not in FINAL)
    match StepState(current.state):
        case StepState.AWAITING_MAP:
            return f"Waiting for OSD map epoch {current.epoch}"
        case StepState.BLOCKED:
            return current.reason
        case StepState.VERIFYING:
            return "Finding out from the cluster what became of it"
        case StepState.NEW:
            return "Waiting to be sent"
        case _:
            return "Running"


def _finish(request: Request) -> None:
    """Record the end and let the next request on the same object go."""
    if request.error:
        message = f"Failed: {request.headline} ({request.error_message})"
        record_about(request, Severity.WARNING, "request.failed", message)
    else:
        record_about(request, Severity.INFO, "request.succeeded", f"Succeeded: {request.headline}")
    following = incomplete(request.fsid, request.object_type, request.object_id).first()
    if following is not None:
        _start(following)

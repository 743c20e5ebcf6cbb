"""The one table that says how a step may move, and the one function that derives a request's state from its steps.

`cthulhu.persistence.ledger` applies it by compare-and-swap; docs/requests.md shows it as a diagram drawn from here.
"""

from collections.abc import Sequence
from enum import StrEnum


class StepState(StrEnum):
    """State of one step of a request.

    `blocked` waits for another request on the same object; `awaiting_map` was acknowledged by the cluster and waits for
    our copy of the map to show it; `verifying` lost contact and is being read back from the cluster, nothing is sent
    again; `lost` means that even this could not tell what happened.
    """

    NEW = "new"
    BLOCKED = "blocked"
    SUBMITTED = "submitted"
    AWAITING_MAP = "awaiting_map"
    VERIFYING = "verifying"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    LOST = "lost"


class RequestState(StrEnum):
    """State of a request on the wire, as in Calamari's API v2."""

    NEW = "new"
    SUBMITTED = "submitted"
    COMPLETE = "complete"


TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    StepState.NEW: frozenset({StepState.BLOCKED, StepState.SUBMITTED, StepState.CANCELED, StepState.FAILED}),
    StepState.BLOCKED: frozenset({StepState.SUBMITTED, StepState.CANCELED, StepState.FAILED}),
    StepState.SUBMITTED: frozenset(
        {StepState.AWAITING_MAP, StepState.SUCCEEDED, StepState.FAILED, StepState.VERIFYING, StepState.CANCELING}
    ),
    StepState.AWAITING_MAP: frozenset(
        {StepState.SUCCEEDED, StepState.TIMED_OUT, StepState.VERIFYING, StepState.CANCELING}
    ),
    StepState.VERIFYING: frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.LOST}),
    StepState.CANCELING: frozenset({StepState.CANCELED, StepState.SUCCEEDED, StepState.FAILED, StepState.VERIFYING}),
    StepState.SUCCEEDED: frozenset(),
    StepState.FAILED: frozenset(),
    StepState.TIMED_OUT: frozenset(),
    StepState.CANCELED: frozenset(),
    StepState.LOST: frozenset(),
}

FINAL: frozenset[StepState] = frozenset(state for state, targets in TRANSITIONS.items() if not targets)
WAITING: frozenset[StepState] = frozenset({StepState.NEW, StepState.BLOCKED})
UNDER_WAY: frozenset[StepState] = frozenset(StepState) - FINAL - WAITING


def sources_of(target: StepState) -> frozenset[StepState]:
    """Return the states from which a step may move to `target`."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)


def derive_request_state(steps: Sequence[StepState]) -> tuple[RequestState, bool]:
    """Derive a request's state on the wire, and whether it ended in error, from the states of its steps, in order.

    A request is complete when every step is final, in error unless all succeeded; it is new while no step has been
    sent; anything between is submitted.
    """
    if all(state in FINAL for state in steps):
        return RequestState.COMPLETE, any(state is not StepState.SUCCEEDED for state in steps)
    if all(state in WAITING for state in steps):
        return RequestState.NEW, False
    return RequestState.SUBMITTED, False

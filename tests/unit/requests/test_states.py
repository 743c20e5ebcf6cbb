"""Every pair of step states is allowed or refused as the design's table says, and the wire state follows from them."""

import itertools
from pathlib import Path

import pytest

from cthulhu.requests.diagram import diagram
from cthulhu.requests.states import FINAL, TRANSITIONS, RequestState, StepState, derive_request_state, sources_of

# The table once more, by hand: a change of the code's table must be a change of this one, too.
ALLOWED = {
    "new": "blocked submitted canceled failed",
    "blocked": "submitted canceled failed",
    "submitted": "awaiting_map succeeded failed verifying canceling",
    "awaiting_map": "succeeded timed_out verifying canceling",
    "verifying": "succeeded failed lost",
    "canceling": "canceled succeeded failed verifying",
    "succeeded": "",
    "failed": "",
    "timed_out": "",
    "canceled": "",
    "lost": "",
}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(StepState, StepState)))
def test_every_pair(source: StepState, target: StepState) -> None:
    allowed = target.value in ALLOWED[source.value].split()
    assert (target in TRANSITIONS[source]) is allowed
    assert (source in sources_of(target)) is allowed


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(StepState) == {StepState(name) for name in ALLOWED}


def test_every_state_can_reach_an_end() -> None:
    for state in StepState:
        reached, todo = set(), [state]
        while todo:
            current = todo.pop()
            if current not in reached:
                reached.add(current)
                todo += TRANSITIONS[current]
        assert reached & FINAL


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (["new"], (RequestState.NEW, False)),
        (["blocked", "new"], (RequestState.NEW, False)),
        (["submitted"], (RequestState.SUBMITTED, False)),
        (["awaiting_map"], (RequestState.SUBMITTED, False)),
        (["verifying"], (RequestState.SUBMITTED, False)),
        (["canceling"], (RequestState.SUBMITTED, False)),
        (["succeeded", "new"], (RequestState.SUBMITTED, False)),
        (["succeeded"], (RequestState.COMPLETE, False)),
        (["succeeded", "succeeded"], (RequestState.COMPLETE, False)),
        (["succeeded", "failed"], (RequestState.COMPLETE, True)),
        (["failed", "canceled"], (RequestState.COMPLETE, True)),
        (["timed_out"], (RequestState.COMPLETE, True)),
        (["canceled"], (RequestState.COMPLETE, True)),
        (["lost"], (RequestState.COMPLETE, True)),
    ],
)
def test_request_state(steps: list[str], expected: tuple[RequestState, bool]) -> None:
    assert derive_request_state([StepState(state) for state in steps]) == expected


def test_documentation_shows_the_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "requests.md"
    assert f"```mermaid\n{diagram()}\n```" in page.read_text()

"""Draws the step table as a Mermaid state diagram.

`python -m cthulhu.requests.diagram` prints what docs/requests.md holds.
"""

from cthulhu.requests.states import FINAL, TRANSITIONS, StepState


def diagram() -> str:
    """Return the diagram's text, states and targets in the order of `StepState`."""
    lines = ["stateDiagram-v2", f"    [*] --> {StepState.NEW}"]
    for state in StepState:
        lines += [f"    {state} --> {target}" for target in StepState if target in TRANSITIONS[state]]
    lines += [f"    {state} --> [*]" for state in StepState if state in FINAL]
    return "\n".join(lines)


if __name__ == "__main__":
    print(diagram())

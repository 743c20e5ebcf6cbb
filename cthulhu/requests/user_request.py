"""What a factory makes: an operation at the granularity of a button, as an ordered list of monitor commands.

Done on the node is not done: a step that moves the OSD map is complete only when cthulhu's own copy shows it, so that
a read after completion sees the change.
"""

from dataclasses import dataclass, field
from typing import Any

from cthulhu.requests.commands import CommandKind

# Ceph stores an OSD's weight as a 16.16 fixed point number, cut off, not rounded (OSDMonitor, "osd reweight").
WEIGHT_ONE = 0x10000


def fixed_weight(weight: float) -> int:
    """Return a reweight value of 0..1 as Ceph stores it."""
    return int(weight * WEIGHT_ONE)


@dataclass(frozen=True)
class Expectation:
    """What the cluster's state must show once a step has had its effect; used when the answer itself was lost.

    `attribute` is a field of the object's row as the API shows it.
    """

    object_type: str
    object_id: int | str
    attribute: str
    value: Any

    def holds(self, row: dict[str, Any] | None) -> bool:
        """Tell whether a row (None: the object is gone) shows the effect."""
        if row is None or self.attribute not in row:
            return False
        actual = row[self.attribute]
        if self.attribute == "reweight":
            return fixed_weight(float(actual)) == fixed_weight(float(self.value))
        return bool(actual == self.value)

    def as_json(self) -> dict[str, Any]:
        """Return the stored form, see `from_json`."""
        return {
            "object_type": self.object_type,
            "object_id": self.object_id,
            "attribute": self.attribute,
            "value": self.value,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Expectation":
        """Rebuild an expectation from its stored form."""
        return cls(**stored)


@dataclass(frozen=True)
class PlannedStep:
    """One command to run, with its arguments, and what it should lead to."""

    kind: CommandKind
    arguments: dict[str, Any] = field(default_factory=dict)
    expectation: Expectation | None = None

    @property
    def command(self) -> dict[str, Any]:
        """Return the command as the monitor takes it: `prefix` and arguments in one object."""
        return {"prefix": self.kind.prefix, **self.arguments}


@dataclass(frozen=True)
class UserRequest:
    """A change that was asked for. `steps` run in order; the first that fails ends the request."""

    headline: str
    object_type: str
    object_id: str
    attributes: dict[str, Any]
    steps: tuple[PlannedStep, ...]

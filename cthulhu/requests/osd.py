"""Changes of OSDs: in, out, down, reweight, and the commands scrub, deep_scrub and repair."""

from typing import Any

from cthulhu.requests import commands
from cthulhu.requests.factory import RequestFactory, Row
from cthulhu.requests.user_request import Expectation, PlannedStep, UserRequest, fixed_weight
from cthulhu.rpc.errors import CommandNotAllowed, InvalidAttributes
from cthulhu.rpc.types import OSD

COMMAND_KINDS = {
    "scrub": commands.OSD_SCRUB,
    "deep_scrub": commands.OSD_DEEP_SCRUB,
    "repair": commands.OSD_REPAIR,
}


class OsdRequestFactory(RequestFactory):
    """Builds the monitor and manager commands for one OSD.

    Ceph holds an OSD to be "in" exactly when its reweight is above zero, so `in` and `reweight` in one change must
    agree.
    """

    object_type = OSD
    commands = tuple(COMMAND_KINDS)

    def update(self, row: Row, attributes: dict[str, Any]) -> UserRequest | None:
        """Plan `in`, `reweight` and `up: false`, leaving out what already holds."""
        self._check(row, attributes)
        steps = [
            *self._in_steps(row, attributes),
            *self._reweight_steps(row, attributes),
            *self._down_steps(row, attributes),
        ]
        if not steps:
            return None
        return UserRequest(
            headline=self._update_headline(row, steps),
            object_type=OSD,
            object_id=str(row["id"]),
            attributes=dict(attributes),
            steps=tuple(steps),
        )

    def undecided(self, row: Row, attributes: dict[str, Any]) -> Row:
        """Return the row with `in` and `reweight` unlike what is asked for.

        `up` stays: only a daemon decides it.
        """
        other = dict(row)
        if isinstance(attributes.get("in"), bool):
            other["in"] = not attributes["in"]
        if "reweight" in attributes:
            other["reweight"] = -1.0
        return other

    def apply(self, row: Row, command: str) -> UserRequest:
        """Plan scrub, deep_scrub or repair of an OSD that is up."""
        if command not in COMMAND_KINDS:
            raise CommandNotAllowed(f"There is no OSD command {command}; there are {', '.join(COMMAND_KINDS)}.")
        if command not in self.valid_commands(row):
            raise CommandNotAllowed(f"Command {command} needs osd.{row['id']} to be up.")
        kind = COMMAND_KINDS[command]
        return UserRequest(
            headline=f"Initiating {kind.prefix.removeprefix('osd ')} on {self._name(row)}",
            object_type=OSD,
            object_id=str(row["id"]),
            attributes={"command": command},
            steps=(PlannedStep(kind, {"who": str(row["id"])}),),
        )

    def valid_commands(self, row: Row) -> list[str]:
        """Return all commands for an OSD that is up, none for one that is down."""
        return list(COMMAND_KINDS) if row["up"] else []

    def _name(self, row: Row) -> str:
        return f"{self.cluster_name}-osd.{row['id']}"

    def _check(self, row: Row, attributes: dict[str, Any]) -> None:
        errors: dict[str, list[str]] = {
            name: ["Not allowed during PATCH."] for name in attributes if name not in {"in", "up", "reweight"}
        }
        for name in ("in", "up"):
            if name in attributes and not isinstance(attributes[name], bool):
                errors[name] = ["Must be true or false."]
        reweight = attributes.get("reweight")
        if reweight is not None or "reweight" in attributes:
            number = isinstance(reweight, int | float) and not isinstance(reweight, bool)
            if not number or not 0 <= float(reweight or 0) <= 1:
                errors["reweight"] = ["Must be a number from 0 to 1."]
            elif "in" in attributes and (fixed_weight(float(reweight or 0)) > 0) != attributes["in"]:
                errors["reweight"] = ["An OSD is in exactly when its reweight is above 0: this contradicts 'in'."]
        if attributes.get("up") is True and not row["up"]:
            errors["up"] = ["An OSD cannot be marked up: it comes up when its daemon starts."]
        if errors:
            raise InvalidAttributes("The OSD cannot be changed like this.", fields=errors)

    def _in_steps(self, row: Row, attributes: dict[str, Any]) -> list[PlannedStep]:
        wanted = attributes.get("in")
        if wanted is None or wanted == row["in"]:
            return []
        kind = commands.OSD_IN if wanted else commands.OSD_OUT
        return [PlannedStep(kind, {"ids": [str(row["id"])]}, self._expect(row, "in", wanted))]

    def _reweight_steps(self, row: Row, attributes: dict[str, Any]) -> list[PlannedStep]:
        if "reweight" not in attributes:
            return []
        wanted = float(attributes["reweight"])
        # Marking an OSD in sets its weight, so a weight asked for together with that has to be set again.
        if fixed_weight(wanted) == fixed_weight(row["reweight"]) and attributes.get("in", row["in"]) == row["in"]:
            return []
        if fixed_weight(wanted) == 0 and attributes.get("in") is False:
            return []
        return [
            PlannedStep(
                commands.OSD_REWEIGHT,
                {"id": row["id"], "weight": wanted},
                self._expect(row, "reweight", wanted),
            )
        ]

    def _down_steps(self, row: Row, attributes: dict[str, Any]) -> list[PlannedStep]:
        if attributes.get("up") is not False or not row["up"]:
            return []
        # No expectation: a daemon that still runs comes up again within a second, which is no failure.
        return [PlannedStep(commands.OSD_DOWN, {"ids": [str(row["id"])]})]

    def _expect(self, row: Row, attribute: str, value: Any) -> Expectation:
        return Expectation(OSD, row["id"], attribute, value)

    def _update_headline(self, row: Row, steps: list[PlannedStep]) -> str:
        phrases = {
            commands.OSD_IN: f"Marking {self._name(row)} in",
            commands.OSD_OUT: f"Marking {self._name(row)} out",
            commands.OSD_DOWN: f"Marking {self._name(row)} down",
        }
        if len(steps) > 1:
            changes = ", ".join(step.kind.prefix.removeprefix("osd ") for step in steps)
            return f"Modifying {self._name(row)} ({changes})"
        step = steps[0]
        if step.kind is commands.OSD_REWEIGHT:
            return f"Re-weighting {self._name(row)} to {step.arguments['weight'] * 100:g}%"
        return phrases[step.kind]

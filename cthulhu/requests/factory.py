"""The base of the request factories: one per object type, each turns an intent on an object into a UserRequest.

ClusterMonitor chooses the factory by object type and hands it the object's present row. A factory holds no state and
talks to nobody: the same row and the same intent always give the same commands.
"""

from typing import Any, ClassVar

from cthulhu.requests.user_request import UserRequest
from cthulhu.rpc.errors import CommandNotAllowed, InvalidAttributes

Row = dict[str, Any]


class RequestFactory:
    """Refuses everything; a subclass overrides what its object type can do."""

    object_type: ClassVar[str]
    commands: ClassVar[tuple[str, ...]] = ()

    def __init__(self, cluster_name: str) -> None:
        self.cluster_name = cluster_name

    def update(self, row: Row, attributes: dict[str, Any]) -> UserRequest | None:
        """Plan the change of an object's attributes; None when the object already is as asked.

        Raises:
            InvalidAttributes: an attribute cannot be changed, or not to this value.
        """
        raise InvalidAttributes(
            f"Objects of type {self.object_type} cannot be changed.",
            fields={name: ["Not allowed during PATCH."] for name in attributes},
        )

    def undecided(self, row: Row, attributes: dict[str, Any]) -> Row:
        """Return the row as it must be taken while earlier changes of the object are still on their way.

        Every attribute asked for is made to differ from what is wanted, so that none counts as done already.
        """
        return row

    def apply(self, row: Row, command: str) -> UserRequest:
        """Plan a command that does not change the object's attributes.

        Raises:
            CommandNotAllowed: the object type has no such command, or not in this state.
        """
        raise CommandNotAllowed(f"Objects of type {self.object_type} have no command {command}.")

    def valid_commands(self, row: Row) -> list[str]:
        """Return the commands that apply to the object as it is now."""
        return []

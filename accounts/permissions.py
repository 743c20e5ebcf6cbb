"""What each role may do over HTTP."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import Role, User

WRITERS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})


class RoleAllows(BasePermission):
    """Logged in: reads for every role, anything else for operators and administrators.

    An account with a role that is not known here may do nothing.
    """

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Decide by the HTTP method; false for anonymous callers, too, who DRF then asks to log in."""
        user = request.user
        if not isinstance(user, User) or user.role not in Role.values:
            return False
        return request.method in SAFE_METHODS or user.role in WRITERS

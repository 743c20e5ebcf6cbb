"""How a request proves whose it is: a session cookie, or `Authorization: Token ...`.

Answers without a valid login follow Calamari's contract: 403 when nothing was presented or the session has ended. Only
who sends a token that is not valid gets 401 with a challenge, because only he can mend it by sending another one.
"""

import re
from dataclasses import dataclass

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from knox.models import AuthToken
from rest_framework import status
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.models import User

SCHEME = "Token"
# Tokens are hexadecimal (knox.crypto); anything else need not be looked up.
TOKEN_FORM = re.compile(rb"[0-9a-f]{16,256}")


class InvalidToken(APIException):
    """The token in the Authorization header is unknown, expired, revoked or of a disabled account.

    Not an AuthenticationFailed: DRF would turn that into a 403 because sessions have no challenge.
    """

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "Invalid or expired token."
    default_code = "invalid_token"
    auth_header = SCHEME


class TokenAuthentication(KnoxTokenAuthentication):
    """Knox's tokens: random, stored as a hash, several per user, expiring when unused.

    Tried before the session: credentials that were put into a header on purpose count more than a cookie that the
    browser adds, and they need no CSRF token.
    """

    def authenticate(self, request: Request) -> tuple[object, object] | None:
        """Return (user, token), or None when no token was sent.

        Raises:
            InvalidToken: a token was sent that does not open anything.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != SCHEME.lower().encode():
            return None
        if len(words) != 2 or not TOKEN_FORM.fullmatch(words[1]):  # noqa: PLR2004  (scheme and token)
            raise InvalidToken
        try:
            return self.authenticate_credentials(words[1])
        except AuthenticationFailed as error:
            raise InvalidToken from error

    def authenticate_header(self, request: Request) -> None:
        """Offer no challenge to callers who presented nothing: they get 403, as from Calamari."""
        return


class SessionAuthentication(DrfSessionAuthentication):
    """The session cookie, with the CSRF token for whatever changes something; the failure has a code of its own."""

    def enforce_csrf(self, request: Request) -> None:
        """Check the CSRF token.

        Raises:
            PermissionDenied: it is missing or wrong.
        """
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(str(error.detail), code="csrf_failed") from error


@dataclass(frozen=True)
class Login:
    """What let somebody in, remembered to be looked at again later, while a long answer is still being sent."""

    user_id: int
    token_digest: str | None
    session_key: str | None

    @classmethod
    def of(cls, request: Request) -> "Login":
        """Return the login of an authenticated request."""
        token = request.auth.digest if isinstance(request.auth, AuthToken) else None
        return cls(int(str(request.user.pk)), token, None if token else request.session.session_key)

    def is_valid(self) -> bool:
        """Tell whether the account, and the token or session, would still be let in."""
        user = User.objects.filter(pk=self.user_id, is_active=True).first()
        if user is None:
            return False
        if self.token_digest is not None:
            unexpired = Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())
            return AuthToken.objects.filter(unexpired, digest=self.token_digest, user=user).exists()
        session = SessionStore(self.session_key)
        # Changing the password changes this hash.
        return constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())

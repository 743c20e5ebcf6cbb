"""How a request proves whose it is: a session cookie, or `Authorization: Token ...`.

Answers without a valid login follow Calamari's contract: 403 when nothing was presented or the session has ended. Only
who sends a token that is not valid gets 401 with a challenge, because only he can mend it by sending another one.
"""

import re

from knox.auth import TokenAuthentication as KnoxTokenAuthentication
from rest_framework import status
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request

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


class TokenAuthentication(KnoxTokenAuthentication):  # type: ignore[misc]
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
            return self.authenticate_credentials(words[1])  # type: ignore[no-any-return]
        except AuthenticationFailed as error:
            raise InvalidToken from error

    def authenticate_header(self, request: Request) -> None:  # noqa: ARG002  (DRF's signature)
        """Offer no challenge to callers who presented nothing: they get 403, as from Calamari."""
        return

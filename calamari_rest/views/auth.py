"""Login, logout and tokens.

Login and logout are Calamari's, minus two faults: a disabled account is refused, and logging out takes a POST. That
POST needs no CSRF token, so that a client that has lost it can still end its session; other sites cannot abuse this,
because the session cookie is SameSite=Strict and does not come with their requests.
"""

from typing import Any

from django.contrib.auth import login, logout
from django.middleware.csrf import get_token
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import SessionAuthentication, TokenAuthentication
from accounts.credentials import TooManyFailures, verify
from accounts.models import User
from calamari_rest import filters
from calamari_rest.exceptions import InvalidCredentials
from calamari_rest.serializers.auth import (
    CredentialsSerializer,
    LogoutSerializer,
    NothingSerializer,
    TokenRequestSerializer,
    TokenSerializer,
)
from calamari_rest.serializers.errors import ErrorSerializer

REFUSED = {
    401: OpenApiResponse(ErrorSerializer, description="Wrong user name or password, or a disabled account."),
    429: OpenApiResponse(ErrorSerializer, description="Too many failed attempts from this address."),
}

EITHER: Any = [{"token": []}, {"session": []}, {}]


def verified_user(request: Request, credentials: dict[str, Any]) -> User:
    """Return whose credentials these are.

    Raises:
        InvalidCredentials, Throttled
    """
    try:
        user = verify(request, credentials["username"], credentials["password"])
    except TooManyFailures as error:
        raise Throttled(error.wait) from error
    if user is None:
        raise InvalidCredentials
    return user


class LoginView(APIView):
    """Sessions for browsers. Open to everybody: what comes with the request is not looked at."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="login_prepare", responses=NothingSerializer)
    def get(self, request: Request) -> Response:
        """Set the CSRF cookie."""
        filters.parse(request.query_params, ())
        get_token(request)
        return _uncached(Response({}))

    @extend_schema(operation_id="login", request=CredentialsSerializer, responses={200: NothingSerializer, **REFUSED})
    def post(self, request: Request) -> Response:
        """Begin a session, and set its cookie and a new CSRF cookie."""
        filters.parse(request.query_params, ())
        credentials = CredentialsSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        login(request, verified_user(request, credentials.validated_data))
        return _uncached(Response({}))


class _SessionWithoutCsrf(SessionAuthentication):
    """The session alone proves who wants to end it."""

    def enforce_csrf(self, request: Request) -> None:
        """Ask for nothing more; see the module's docstring."""


class LogoutView(APIView):
    """The end of a session, or of a token."""

    authentication_classes = [TokenAuthentication, _SessionWithoutCsrf]
    permission_classes = [AllowAny]

    @extend_schema(operation_id="logout_status", auth=EITHER, responses=LogoutSerializer)
    def get(self, request: Request) -> Response:
        """Tell whether somebody is logged in; changes nothing."""
        filters.parse(request.query_params, ())
        logged_in = isinstance(request.user, User)
        message = "Logged in; POST here to log out" if logged_in else "Logged out"
        return _uncached(Response({"message": message}))

    @extend_schema(operation_id="logout", auth=EITHER, request=None, responses=LogoutSerializer)
    def post(self, request: Request) -> Response:
        """End the session that sends this, or revoke the token that does."""
        filters.parse(request.query_params, ())
        if isinstance(request.auth, AuthToken):
            request.auth.delete()
        else:
            logout(request)
        return _uncached(Response({"message": "Logged out"}))


class TokenView(APIView):
    """Tokens for scripts."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="token_create", request=TokenRequestSerializer, responses={200: TokenSerializer, **REFUSED}
    )
    def post(self, request: Request) -> Response:
        """Make a token. It ends after 30 days without use, or by a POST to `auth/logout` with it."""
        filters.parse(request.query_params, ())
        credentials = TokenRequestSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        instance, token = AuthToken.objects.create(verified_user(request, credentials.validated_data))
        return _uncached(Response({"token": token, "expiry": instance.expiry}))


def _uncached(response: Response) -> Response:
    response["Cache-Control"] = "no-store"
    return response

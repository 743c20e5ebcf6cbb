"""The OpenAPI document: what all operations have in common.

A view says which errors its operations can end with beyond those that any can; filters and pages are described by
their own declarations.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema as SpectacularSchema
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from calamari_rest import pagination
from calamari_rest.filters import Filter
from calamari_rest.problems import PLAIN
from calamari_rest.serializers.errors import ErrorSerializer

NOTHING = OpenApiResponse(description="Not modified: what the client has, or asked for, is what there is.")


_WHY = {
    400: "The request is not acceptable.",
    401: "The token or the credentials are not valid.",
    403: "Not logged in, not in this role, or the command is not allowed.",
    404: "There is no such object.",
    405: "The resource does not know this method.",
    409: "The object's state does not allow the change.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many attempts.",
    503: "The cluster, or the service behind the web server, does not answer.",
}


@cache
def paged(item: type[serializers.Serializer]) -> type[serializers.Serializer]:
    """Return the serializer of a page of items, for the document."""
    page = type(
        f"Paged{item.__name__}",
        (serializers.Serializer,),
        {
            "__doc__": "A page of a list.",
            "__module__": item.__module__,
            "count": serializers.IntegerField(help_text="Items in the whole list."),
            "next": serializers.URLField(allow_null=True, help_text="URL of the next page."),
            "previous": serializers.URLField(allow_null=True, help_text="URL of the page before."),
            "results": item(many=True, help_text="The items."),
        },
    )
    # It stands for the whole answer of a list, not for one item of it.
    return extend_schema_serializer(many=False)(page)


def bare_or_paged(name: str, item: type[serializers.Serializer]) -> PolymorphicProxySerializer:
    """Return what a list answers that is a bare array until a page is asked for."""
    return PolymorphicProxySerializer(
        component_name=name, serializers=[item(many=True), paged(item)], resource_type_field_name=None, many=False
    )


def parameters_of(filters: Iterable[Filter]) -> list[OpenApiParameter]:
    """Return filters and page parameters of a list."""
    return [*(item.parameter() for item in filters), *pagination.parameters()]


class TokenScheme(OpenApiAuthenticationExtension):
    """A token, as the document shows it."""

    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token <token>`, from `POST auth/token`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    """A session, as the document shows it."""

    target_class = "accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "From `POST auth/login`; changes need the cookie XSRF-TOKEN as header X-XSRF-TOKEN.",
        }


class AutoSchema(SpectacularSchema):
    """Adds to each operation the errors that are always possible, and the headers of readings."""

    def get_override_parameters(self) -> list[Any]:
        """Describe the conditional GET."""
        if self.method != "GET":
            return []
        return [
            OpenApiParameter(
                "If-None-Match", str, OpenApiParameter.HEADER, description="ETag of what the client has already."
            )
        ]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        possible = {400, 403, 405}
        if self.get_auth():
            possible |= {401, 503}
        if "{" in self.path:
            possible.add(404)
        if self.method not in SAFE_METHODS:
            possible |= {413, 415}
        for code in sorted(possible):
            if str(code) not in bodies:
                bodies[str(code)] = self._error(code)
        if self.method == "GET" and "304" not in bodies and "200" in bodies:
            bodies["304"] = {"description": NOTHING.description}
        return bodies

    def _error(self, code: int) -> dict[str, Any]:
        response = OpenApiResponse(ErrorSerializer, description=_WHY[code])
        return self._get_response_for_code(response, str(code), media_types=[PLAIN])

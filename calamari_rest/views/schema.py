"""The OpenAPI document of this API."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calamari_rest import filters
from calamari_rest.answers import answer


@cache
def document() -> dict[str, Any]:
    """Return the document; it depends on the code alone."""
    return SchemaGenerator().get_schema(request=None, public=True)


class SchemaView(APIView):
    """What this API can do."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Show the OpenAPI 3 document."""
        filters.parse(request.query_params, ())
        return answer(request, document)

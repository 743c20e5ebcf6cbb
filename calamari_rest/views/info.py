"""What this server is; for everybody, without a login, as Calamari answered it."""

import socket
from functools import cache

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calamari_rest import filters
from calamari_rest.answers import answer
from calamari_rest.serializers.info import InfoSerializer
from calamari_rest.version import VERSION


@cache
def own_names() -> dict[str, str | None]:
    """Return hostname, fqdn and ipaddr of this host, all None if it cannot resolve itself."""
    try:
        hostname = socket.gethostname()
        return {"hostname": hostname, "fqdn": socket.getfqdn(hostname), "ipaddr": socket.gethostbyname(hostname)}
    except OSError:
        return {"hostname": None, "fqdn": None, "ipaddr": None}


class InfoView(APIView):
    """About this server."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(operation_id="info_retrieve", responses=InfoSerializer)
    def get(self, request: Request) -> Response:
        """Show version and names of this server."""
        filters.parse(request.query_params, ())
        nothing = {"license": "N/A", "registered": "N/A"}
        bootstrap = {"bootstrap_url": None, "bootstrap_ubuntu": None, "bootstrap_rhel": None}
        return answer(request, lambda: {"version": VERSION, **nothing, **own_names(), **bootstrap})

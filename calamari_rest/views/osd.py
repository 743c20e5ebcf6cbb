"""OSDs: list, detail, change, commands."""

from functools import cache

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from calamari_rest import backend, filters
from calamari_rest.answers import answer
from calamari_rest.filters import Filter
from calamari_rest.schema import NOTHING, bare_or_paged, parameters_of
from calamari_rest.serializers.journal import AcceptedSerializer
from calamari_rest.serializers.osd import (
    CommandValiditySerializer,
    OsdChangeSerializer,
    OsdSerializer,
)
from calamari_rest.views.base import RowsView, answer_change
from cthulhu.rpc.types import OSD

FILTERS = (
    Filter("pool", int, "Only OSDs that this pool may use.", lambda row, pool: pool in row["pools"]),
    Filter("id__in[]", int, "Only these OSDs; may occur repeatedly.", lambda row, ids: row["id"] in ids, many=True),
    Filter("up", bool, "Only OSDs that are up, or are not.", lambda row, up: row["up"] == up),
    Filter("in", bool, "Only OSDs that are in, or are not.", lambda row, is_in: row["in"] == is_in),
    Filter("server", str, "Only OSDs on this node.", lambda row, server: row["server"] == server),
)

VALID_COMMANDS = {
    "type": "object",
    "properties": {"valid_commands": {"type": "array", "items": {"type": "string"}}},
    "required": ["valid_commands"],
}


@cache
def implemented_commands() -> list[str]:
    """Return the commands OSDs have, asked for once: they are part of cthulhu's code."""
    return backend.current().client.implemented_commands(OSD)


class OsdView(RowsView):
    """OSDs of a cluster."""

    object_type = OSD
    filters = FILTERS

    @extend_schema(
        operation_id="osd_list",
        parameters=parameters_of(FILTERS),
        responses=bare_or_paged("OsdList", OsdSerializer),
    )
    def list(self, request: Request, fsid: str) -> Response:
        """List the OSDs of a cluster."""
        return self.answer_list(request, fsid)

    @extend_schema(operation_id="osd_retrieve", responses=OsdSerializer)
    def retrieve(self, request: Request, fsid: str, osd_id: str) -> Response:
        """Show one OSD."""
        return self.answer_object(request, fsid, osd_id)

    @extend_schema(
        operation_id="osd_update",
        request=OsdChangeSerializer,
        responses={202: AcceptedSerializer, 304: NOTHING},
    )
    def partial_update(self, request: Request, fsid: str, osd_id: str) -> Response:
        """Mark an OSD in, out or down, or change its reweight. Answers 304 if all is as asked already."""
        filters.parse(request.query_params, ())
        change = OsdChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        accepted = (
            backend.current()
            .for_change()
            .update(fsid, OSD, osd_id, dict(change.validated_data), backend.caller_of(request))
        )
        return answer_change(request, accepted)

    @extend_schema(operation_id="osd_command_list", responses={200: {"type": "array", "items": {"type": "string"}}})
    def implemented_commands(self, request: Request, fsid: str) -> Response:
        """List the commands that OSDs have."""
        filters.parse(request.query_params, ())
        reading = self.read(fsid)
        return answer(request, implemented_commands, reading)

    @extend_schema(
        operation_id="osd_valid_commands", responses={200: {"type": "object", "additionalProperties": VALID_COMMANDS}}
    )
    def valid_commands(self, request: Request, fsid: str, osd_id: str) -> Response:
        """List the commands that can be applied to an OSD as it is now, under its id."""
        filters.parse(request.query_params, ())
        reading = self.read(fsid)
        row = self.row(reading.content, osd_id)
        return answer(request, lambda: {osd_id: {"valid_commands": row["valid_commands"]}}, reading)

    @extend_schema(operation_id="osd_validate_command", responses=CommandValiditySerializer)
    def validate_command(self, request: Request, fsid: str, osd_id: str, command: str) -> Response:
        """Tell whether a command can be applied to an OSD as it is now."""
        filters.parse(request.query_params, ())
        reading = self.read(fsid)
        row = self.row(reading.content, osd_id)
        return answer(request, lambda: {"valid": command in row["valid_commands"]}, reading)

    @extend_schema(operation_id="osd_apply_command", request=None, responses={202: AcceptedSerializer})
    def apply_command(self, request: Request, fsid: str, osd_id: str, command: str) -> Response:
        """Apply a command to an OSD."""
        filters.parse(request.query_params, ())
        accepted = backend.current().for_change().apply(fsid, OSD, osd_id, command, backend.caller_of(request))
        return answer_change(request, accepted)

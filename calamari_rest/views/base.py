"""What the views of cluster resources share."""

from collections.abc import Iterable
from typing import Any, ClassVar

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import ViewSet

from calamari_rest import filters, pagination, snapshots
from calamari_rest.answers import answer
from calamari_rest.filters import Filter, Row
from calamari_rest.snapshots import Reading
from cthulhu.rpc.types import Accepted

# Seconds after which a request may well be complete.
RETRY_AFTER_CHANGE = "1"


class RowsView(ViewSet):
    """A resource whose objects are rows of one object type; `key` is the field that names an object in URLs."""

    object_type: ClassVar[str]
    key: ClassVar[str] = "id"
    filters: ClassVar[tuple[Filter, ...]] = ()

    def read(self, fsid: str) -> Reading:
        """Return all rows."""
        return snapshots.read(fsid, self.object_type)

    def answer_list(self, request: Request, fsid: str) -> Response:
        """Answer with the rows that match the query's filters, all or a page of them."""
        values = filters.parse(request.query_params, self.filters, pagination.PARAMETERS)
        reading = self.read(fsid)
        paged = pagination.is_wanted(request)

        def build() -> Any:
            rows = filters.apply(reading.content, self.filters, values)
            return pagination.page_of_rows(request, rows) if paged else rows

        return answer(request, build, reading)

    def answer_object(self, request: Request, fsid: str, identity: str) -> Response:
        """Answer with one row."""
        filters.parse(request.query_params, ())
        reading = self.read(fsid)
        row = self.row(reading.content, identity)
        return answer(request, lambda: row, reading)

    def row(self, rows: Iterable[Row], identity: str) -> Row:
        """Return the row that a URL names.

        Raises:
            NotFound: there is none.
        """
        # Compared as text: what is no canonical id, however long, names nothing.
        for row in rows:
            if str(row[self.key]) == identity:
                return row
        raise NotFound(f"Object of type {self.object_type} with {self.key} {identity[:64]} not found.")


def answer_change(request: Request, accepted: Accepted) -> Response:
    """Answer to a change: 202 with the request that makes it, 304 when all is as asked already."""
    if accepted.request_id is None:
        return Response(status=304)
    headers = {
        "Location": reverse("request", kwargs={"request_id": accepted.request_id}, request=request),
        "Retry-After": RETRY_AFTER_CHANGE,
    }
    return Response({"request_id": accepted.request_id}, status=202, headers=headers)

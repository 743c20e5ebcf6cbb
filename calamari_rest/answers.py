"""The answer to a GET: with its version, its age, and without a body for whoever has it already.

Last-Modified is the moment at which the content was last confirmed. If-Modified-Since is not honored: two versions of
a map may be less than the second apart that it can express.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from django.utils.http import http_date, parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from calamari_rest.snapshots import Reading

STALE_HEADER = "X-Calamari-Stale"


def answer(request: Request, build: Callable[[], Any], *readings: Reading) -> Response:
    """Answer with what `build` makes of the readings, or with 304 when their versions are those the client has.

    Without readings (for content from SQL) the version is taken from the content itself.
    """
    if readings:
        etag = _etag(reading.version for reading in readings)
        content = None if _is_known(request, etag) else build()
    else:
        content = build()
        etag = _etag([orjson.dumps(content)])
    response = Response(status=304) if _is_known(request, etag) else Response(content)
    response["ETag"] = etag
    # Kept nowhere but in the client, and asked about before each use.
    response["Cache-Control"] = "private, no-cache"
    if readings:
        response["Last-Modified"] = http_date(min(reading.confirmed_at for reading in readings))
        mark_stale(response, *readings)
    return response


def mark_stale(response: Response, *readings: Reading) -> None:
    """Tell the age of the oldest reading, if it is older than it should be."""
    ages = [reading.stale for reading in readings if reading.stale is not None]
    if ages:
        response[STALE_HEADER] = str(round(max(ages)))


def _etag(versions: Iterable[str | bytes]) -> str:
    digest = hashlib.sha256()
    for version in versions:
        digest.update(version.encode() if isinstance(version, str) else version)
        digest.update(b"\0")
    return f'W/"{digest.hexdigest()[:24]}"'


def _is_known(request: Request, etag: str) -> bool:
    if request.method not in {"GET", "HEAD"}:
        return False
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in known or etag.removeprefix("W/") in known

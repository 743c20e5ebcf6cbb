"""Writing events. Each is a row first; `cthulhu.monitor.relay` carries it to the live stream afterwards."""

from typing import Any

from django.utils import timezone

from cthulhu.persistence.models import Event, Request, Severity


def record(severity: Severity, kind: str, message: str, **about: Any) -> Event:
    """Store an event; `about` takes fsid, object_type, object_id, request_id and requested_by."""
    return Event.objects.create(when=timezone.now(), severity=severity, kind=kind, message=message, **about)


def record_about(request: Request, severity: Severity, kind: str, message: str) -> Event:
    """Store an event about a request and the object it concerns."""
    return record(
        severity,
        kind,
        message,
        fsid=request.fsid,
        object_type=request.object_type,
        object_id=request.object_id,
        request_id=request.id,
        requested_by=request.requested_by,
    )

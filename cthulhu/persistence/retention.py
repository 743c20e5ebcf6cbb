"""Deleting what is old, in batches, so that no other writer waits long."""

import datetime as dt

from django.db.models import QuerySet
from django.utils import timezone

from cthulhu.persistence.models import Event, Request
from cthulhu.requests.states import RequestState

BATCH = 1000


def prune(event_days: int, request_days: int) -> tuple[int, int]:
    """Delete relayed events and completed requests older than the given days; return how many of each."""
    now = timezone.now()
    events = Event.objects.filter(relayed=True, when__lt=now - dt.timedelta(days=event_days))
    requests = Request.objects.filter(
        state=RequestState.COMPLETE, completed_at__lt=now - dt.timedelta(days=request_days)
    )
    return _delete(events), _delete(requests)


def _delete(rows: QuerySet) -> int:
    total = 0
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        rows.model.objects.filter(pk__in=keys).delete()
        total += len(keys)
    return total

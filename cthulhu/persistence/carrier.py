"""Handing steps to the worker.

A Celery message carries an id only and may be lost, late or doubled: the row decides what happens, and the sweeper of
`cthulhu.monitor.requests` hands a step over again when nobody has taken it.
"""

import structlog
from celery import current_app
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from cthulhu.persistence.models import Step

log = structlog.get_logger(__name__)

SUBMIT_STEP = "cthulhu.tasks.submit_step"


def hand_over(step: Step) -> None:
    """Ask the worker to publish a step's job, once the present transaction is committed."""
    now = timezone.now()
    Step.objects.filter(pk=step.pk).update(attempted_at=now, ready_at=Coalesce("ready_at", now))
    transaction.on_commit(lambda: _send(step.pk))


def _send(step_id: int) -> None:
    try:
        current_app.send_task(SUBMIT_STEP, args=[step_id], retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("step not handed over, the sweeper will", step=step_id, error=str(error))

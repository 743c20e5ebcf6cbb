"""The Celery application of the worker and its clock; the tasks themselves are `cthulhu.tasks`.

Redis carries task names and ids only. The rows in SQL are the truth: whatever the broker loses is published again by
cthulhu's sweeper, so nothing here tries to make the broker reliable.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from configuration import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

CANARY_PERIOD = 5.0
PRUNE_PERIOD = 3600.0

app = Celery("calamari")
app.conf.update(
    broker_url=settings().celery_broker_url,
    include=["cthulhu.tasks"],
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    result_backend=None,
    timezone="UTC",
    enable_utc=True,
    # A task is taken from the broker for good only when it has ended, also when its process is killed meanwhile.
    # All tasks are safe to repeat: each first claims its row by compare-and-swap.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # Tasks are short: one not acknowledged after this many seconds belonged to a worker that is gone.
    broker_transport_options={
        "visibility_timeout": 120,
        "global_keyprefix": "calamari:celery:",
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "health_check_interval": 10,
    },
    # The worker outlives any outage of Redis; a publisher must not hang in one, the sweeper repeats what it gave up.
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_publish_retry=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1, "interval_step": 0.1, "interval_max": 0.2},
    task_time_limit=60,
    task_soft_time_limit=45,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    beat_schedule={
        # A schedule entry that was not consumed before the next one is due has no value any more.
        "canary": {"task": "cthulhu.tasks.canary", "schedule": CANARY_PERIOD, "options": {"expires": CANARY_PERIOD}},
        "prune": {"task": "cthulhu.tasks.prune", "schedule": PRUNE_PERIOD, "options": {"expires": PRUNE_PERIOD}},
    },
    beat_schedule_filename=str(settings().home / "beat-schedule"),
)


@setup_logging.connect
def leave_logging_to_django(**_kwargs: Any) -> None:
    """Keep Celery from replacing the logging that Django's settings configured."""

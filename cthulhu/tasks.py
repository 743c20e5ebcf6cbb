"""What the worker does: short tasks that never wait for a node.

A task's argument is an id; the row is the truth. Neighbours: `cthulhu.persistence.carrier` sends these,
`cthulhu.monitor` listens for the answers of the jobs published here.
"""

import datetime as dt
from functools import cache

import structlog
from celery import shared_task
from django.utils import timezone

from configuration import settings
from cthulhu.persistence import ledger, retention
from cthulhu.persistence.models import Cluster, Step
from cthulhu.remote.port import Remote, RemoteUnavailable
from cthulhu.requests.states import WAITING, StepState

log = structlog.get_logger(__name__)

RUN_COMMAND = "ceph.run_command"


@cache
def remote() -> Remote:
    """Return this process's connection to the nodes, made at the first use: a worker forks its processes."""
    from cthulhu.remote.salt.remote import SaltRemote  # noqa: PLC0415  (Salt is imported only where jobs are published)

    configuration = settings().salt_configuration
    assert configuration is not None  # noqa: S101  (filled in by the settings' validator)
    return SaltRemote(configuration)


@shared_task(name="cthulhu.tasks.submit_step")
def submit_step(step_id: int) -> None:
    """Claim a waiting step and publish its job; publish the same job again for one that has not been answered.

    Publishing again is safe: the node answers a repeat from its journal, and refuses whatever comes too late.
    """
    step = Step.objects.select_related("request").filter(pk=step_id).first()
    if step is None:
        return
    if StepState(step.state) in WAITING:
        claimed = _claim(step)
        if claimed is None:
            return
        step = claimed
    elif step.state != StepState.SUBMITTED:
        return
    _publish(step)


def _claim(step: Step) -> Step | None:
    node = Cluster.objects.filter(fsid=step.request.fsid).values_list("favorite", flat=True).first()
    if not node:
        log.warning("no node to send a step to, the sweeper will try again", step=step.pk, fsid=step.request.fsid)
        return None
    not_after = timezone.now() + dt.timedelta(seconds=settings().step_deadline)
    return ledger.claim(step.pk, node=node, job_id=remote().new_job_id(), not_after=not_after)


def _publish(step: Step) -> None:
    assert step.issued_at is not None  # noqa: S101  (written together with the state `submitted`)
    assert step.not_after is not None  # noqa: S101
    arguments = {
        "request_id": str(step.request.id),
        "step": step.position,
        "issued_at": step.issued_at.timestamp(),
        "not_after": step.not_after.timestamp(),
        "target": step.target,
        "command": step.command,
        "await_map": step.moves_osd_map,
    }
    try:
        remote().publish(step.node, RUN_COMMAND, arguments, step.job_id)
    except RemoteUnavailable as error:
        log.warning("job not confirmed, the sweeper will publish it again", step=step.pk, error=str(error))


@shared_task(name="cthulhu.tasks.canary")
def canary() -> None:
    """Show that this worker really consumes: the supervisor restarts one whose canary has stopped singing."""
    (settings().run_dir / "worker-canary").touch()


@shared_task(name="cthulhu.tasks.prune")
def prune() -> None:
    """Delete events and completed requests that are older than the settings keep them."""
    retention.prune(settings().event_retention_days, settings().request_retention_days)

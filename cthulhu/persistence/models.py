"""The tables. Rows of `Request` and `Step` are changed by `cthulhu.persistence.ledger` alone."""

import uuid

from django.db import models

from cthulhu.requests.states import RequestState, StepState


class Severity(models.IntegerChoices):
    """How bad an event is; the numbers are Calamari's, lower is worse. DEBUG holds the moves of single steps."""

    CRITICAL = 1
    ERROR = 2
    WARNING = 3
    RECOVERY = 4
    INFO = 5
    DEBUG = 6


class Cluster(models.Model):
    """A Ceph cluster that was seen at least once. `favorite` is the node through which changes are sent now."""

    fsid = models.CharField(max_length=36, primary_key=True)
    name = models.CharField(max_length=255)
    first_seen = models.DateTimeField(auto_now_add=True)
    favorite = models.CharField(max_length=255, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.fsid})"


class Request(models.Model):
    """One change somebody asked for.

    `sequence` orders the requests; of those on one object only the first incomplete one runs. `state`, `error`,
    `error_message`, `status` and `completed_at` are derived from the steps whenever one of them moves.
    """

    sequence = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    fsid = models.CharField(max_length=36)
    cluster_name = models.CharField(max_length=255)
    object_type = models.CharField(max_length=32)
    object_id = models.CharField(max_length=255)
    attributes = models.JSONField(default=dict)
    headline = models.CharField(max_length=1024)
    state = models.CharField(max_length=16, default=RequestState.NEW)
    error = models.BooleanField(default=False)
    error_message = models.TextField(blank=True)
    status = models.TextField(blank=True)
    requested_by = models.CharField(max_length=255)
    address = models.CharField(max_length=64, blank=True)
    correlation_id = models.CharField(max_length=128, blank=True)
    requested_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["fsid", "state", "-sequence"], name="request_cluster_state"),
            models.Index(fields=["state", "-sequence"], name="request_state"),
            models.Index(fields=["fsid", "object_type", "object_id", "state"], name="request_object"),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.headline}"


class Step(models.Model):
    """One command of a request. `state` moves only along `cthulhu.requests.states.TRANSITIONS`.

    `job_id`, `node` and `not_after` are written before the job is published, so that its return can be matched and a
    repeat is recognized by the node. `ready_at` is the moment from which nothing stood in its way, `attempted_at` the
    last one at which it was handed to the carrier, `entered_at` that of the last move.
    """

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, default=StepState.NEW)
    reason = models.TextField(blank=True)
    command = models.JSONField()
    target = models.CharField(max_length=8)
    moves_osd_map = models.BooleanField(default=False)
    expectation = models.JSONField(null=True)
    node = models.CharField(max_length=255, blank=True)
    job_id = models.CharField(max_length=64, blank=True, db_index=True)
    issued_at = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    attempted_at = models.DateTimeField(null=True)
    entered_at = models.DateTimeField()
    epoch = models.BigIntegerField(null=True)
    result = models.JSONField(null=True)
    error_message = models.TextField(blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["request", "position"], name="step_position")]
        indexes = [models.Index(fields=["state"], name="step_state")]

    def __str__(self) -> str:
        return f"{self.request_id}/{self.position}: {self.command.get('prefix')}"


class Event(models.Model):
    """Something that happened, for people, for audit and, until `relayed`, for the live stream (the outbox)."""

    when = models.DateTimeField()
    severity = models.PositiveSmallIntegerField(choices=Severity)
    kind = models.CharField(max_length=64)
    message = models.TextField()
    fsid = models.CharField(max_length=36, blank=True)
    object_type = models.CharField(max_length=32, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    request_id = models.UUIDField(null=True)
    requested_by = models.CharField(max_length=255, blank=True)
    relayed = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["fsid", "severity", "-id"], name="event_cluster_severity"),
            models.Index(fields=["severity", "-id"], name="event_severity"),
            models.Index(fields=["id"], name="event_outbox", condition=models.Q(relayed=False)),
        ]

    def __str__(self) -> str:
        return self.message


class StoredSnapshot(models.Model):
    """The last known rows of one object type (or one sync object) of a cluster, as JSON bytes.

    They answer reads while cthulhu is down, and in a cthulhu that has just started and not yet heard from the nodes.
    """

    fsid = models.CharField(max_length=36)
    name = models.CharField(max_length=64)
    version = models.CharField(max_length=255)
    updated_at = models.DateTimeField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fsid", "name"], name="snapshot_name")]

    def __str__(self) -> str:
        return f"{self.fsid} {self.name} {self.version}"

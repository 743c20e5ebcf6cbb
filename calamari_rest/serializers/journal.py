"""Requests and events, as they stand in SQL. These run: the rows are models."""

from typing import Any

from rest_framework import serializers

from cthulhu.journal import FINAL_STEP_STATES, Severity


class AcceptedSerializer(serializers.Serializer):
    """Answer to a change that was accepted; the header Location leads to the request."""

    request_id = serializers.UUIDField(help_text="Id of the request that makes the change.")


class ObjectSerializer(serializers.Serializer):
    """What a request or an event is about."""

    type = serializers.CharField(source="object_type", help_text="Object type, such as osd.")
    id = serializers.CharField(source="object_id", help_text="Id of the object.")


class ProgressSerializer(serializers.Serializer):
    """How far a request is."""

    done = serializers.IntegerField(help_text="Steps that are over.")
    total = serializers.IntegerField(help_text="Steps there are.")


class StepSerializer(serializers.Serializer):
    """One command of a request."""

    position = serializers.IntegerField(help_text="Its place, from 0.")
    state = serializers.CharField(help_text="See the table of step states in the documentation.")
    reason = serializers.CharField(help_text="What it waits for, if it is blocked.")
    command = serializers.JSONField(help_text="The command, exactly as sent.")
    target = serializers.CharField(help_text="Which kind of daemon it is sent to, mon or mgr.")
    node = serializers.CharField(help_text="Node that runs it, empty until then.")
    job_id = serializers.CharField(help_text="Salt job that carries it, empty until then.")
    submitted_at = serializers.DateTimeField(source="issued_at", allow_null=True, help_text="When it was sent.")
    not_after = serializers.DateTimeField(allow_null=True, help_text="When the node refuses to begin it.")
    epoch = serializers.IntegerField(allow_null=True, help_text="OSD map epoch that shows its effect.")
    error_message = serializers.CharField(help_text="Why it failed, if it did.")


class ResultSerializer(serializers.Serializer):
    """What a node answered to a step."""

    node = serializers.CharField(help_text="The node.")
    step = serializers.IntegerField(help_text="Position of the step.")
    outcome = serializers.CharField(help_text="done, failed, refused, unknown or running.")
    code = serializers.IntegerField(allow_null=True, help_text="Return code of the monitor or manager.")
    status = serializers.CharField(help_text="What it said about it.")
    output = serializers.CharField(help_text="Output of the command.")


def _result(step: Any) -> dict[str, Any]:
    kept = step.result
    return {
        "node": step.node,
        "step": step.position,
        "outcome": str(kept.get("outcome") or ""),
        "code": kept.get("code"),
        "status": str(kept.get("status") or kept.get("reason") or ""),
        "output": str(kept.get("output") or ""),
    }


class RequestSerializer(serializers.Serializer):
    """A change that somebody asked for."""

    id = serializers.UUIDField(help_text="Id of the request.")
    state = serializers.ChoiceField(choices=["new", "submitted", "complete"], help_text="Where it stands.")
    error = serializers.BooleanField(help_text="Whether it ended without success.")
    error_message = serializers.CharField(help_text="Why, if so.")
    headline = serializers.CharField(help_text="What it does, in one line.")
    status = serializers.CharField(help_text="What it is doing, in one line.")
    requested_at = serializers.DateTimeField(help_text="When it was asked for.")
    completed_at = serializers.DateTimeField(allow_null=True, help_text="When it ended, null until then.")
    cluster = serializers.CharField(source="fsid", help_text="fsid of the cluster it changes.")
    object = ObjectSerializer(source="*", help_text="What it changes.")
    requested_by = serializers.CharField(help_text="Who asked for it.")
    progress = serializers.SerializerMethodField(help_text="How far it is.")
    steps = serializers.SerializerMethodField(help_text="Its commands with their states, in order.")
    commands = serializers.SerializerMethodField(help_text="Exactly what will run, or ran.")
    results = serializers.SerializerMethodField(help_text="What the nodes answered.")

    def get_progress(self, request: Any) -> ProgressSerializer:
        """Return how many of the steps are over."""
        steps = request.steps.all()
        return {"done": sum(step.state in FINAL_STEP_STATES for step in steps), "total": len(steps)}  # type: ignore[return-value]

    def get_steps(self, request: Any) -> StepSerializer(many=True):  # type: ignore[valid-type]
        """Return the steps."""
        return StepSerializer(request.steps.all(), many=True).data

    def get_commands(self, request: Any) -> list[dict[str, Any]]:
        """Return the commands of all steps."""
        return [step.command for step in request.steps.all()]

    def get_results(self, request: Any) -> ResultSerializer(many=True):  # type: ignore[valid-type]
        """Return what was answered to the steps that were answered."""
        return [_result(step) for step in request.steps.all() if step.result]


class EventSerializer(serializers.Serializer):
    """Something that happened."""

    id = serializers.IntegerField(help_text="Grows with each event.")
    when = serializers.DateTimeField(help_text="When it happened.")
    severity = serializers.SerializerMethodField(help_text="How bad it is.")
    message = serializers.CharField(help_text="What happened, for people.")
    kind = serializers.CharField(help_text="What happened, for programs.")
    cluster = serializers.CharField(source="fsid", help_text="fsid of the cluster concerned, empty if none.")
    object = ObjectSerializer(source="*", help_text="What it is about, empty if nothing.")
    request_id = serializers.UUIDField(allow_null=True, help_text="Request that it belongs to.")
    requested_by = serializers.CharField(help_text="Who asked for that.")

    def get_severity(self, event: Any) -> str:
        """Return the name of the severity."""
        return Severity(event.severity).name

"""Clusters and their health."""

from rest_framework import serializers


class ClusterSerializer(serializers.Serializer):
    """One cluster that was seen at least once."""

    id = serializers.CharField(help_text="The cluster's fsid.")
    name = serializers.CharField(help_text="What its nodes call it, mostly ceph.")
    update_time = serializers.DateTimeField(allow_null=True, help_text="Last time a node confirmed its state.")
    connected = serializers.BooleanField(help_text="Whether its state is known and changes are accepted now.")
    health = serializers.CharField(allow_null=True, help_text="HEALTH_OK, HEALTH_WARN or HEALTH_ERR, if known.")


class HealthCheckSerializer(serializers.Serializer):
    """One thing that is not well."""

    code = serializers.CharField(help_text="Ceph's name of the check, such as OSD_DOWN.")
    severity = serializers.CharField(help_text="HEALTH_WARN or HEALTH_ERR.")
    summary = serializers.CharField(allow_null=True, help_text="In one line.")
    count = serializers.IntegerField(allow_null=True, help_text="How many things it concerns.")
    muted = serializers.BooleanField(help_text="Whether it was muted.")
    detail = serializers.ListField(child=serializers.CharField(), help_text="What exactly.")


class HealthSerializer(serializers.Serializer):
    """The health of a cluster."""

    status = serializers.CharField(help_text="HEALTH_OK, HEALTH_WARN or HEALTH_ERR.")
    checks = HealthCheckSerializer(many=True, help_text="What is not well, by code.")
    mutes = serializers.ListField(child=serializers.JSONField(), help_text="What was muted, as Ceph tells it.")

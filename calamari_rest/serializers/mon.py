"""Monitors."""

from rest_framework import serializers


class MonSerializer(serializers.Serializer):
    """One monitor of the monitor map."""

    name = serializers.CharField(help_text="Name, unique in the cluster.")
    rank = serializers.IntegerField(help_text="Rank in the monitor map.")
    in_quorum = serializers.BooleanField(help_text="Whether it takes part in the quorum.")
    leader = serializers.BooleanField(help_text="Whether it leads the quorum.")
    server = serializers.CharField(allow_null=True, help_text="Node it runs on, null while unknown.")
    addr = serializers.CharField(allow_null=True, help_text="Address, IP:port.")

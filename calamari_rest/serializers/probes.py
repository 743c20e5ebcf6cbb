"""Liveness and readiness."""

from rest_framework import serializers


class HealthzSerializer(serializers.Serializer):
    """The web server runs."""

    status = serializers.CharField(help_text="Always ok.")


class ReadyzSerializer(serializers.Serializer):
    """The web server can serve requests."""

    status = serializers.CharField(help_text="Always ready; anything else is an error.")
    database = serializers.BooleanField(help_text="Whether the database answers.")
    cthulhu = serializers.BooleanField(help_text="Whether cthulhu lives; without it reads go on, changes do not.")

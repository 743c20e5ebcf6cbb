"""Credentials."""

from rest_framework import serializers

from calamari_rest.serializers.base import StrictSerializer, StrictTextField


class CredentialsSerializer(serializers.Serializer):
    """User name and password. Other fields are ignored: Calamari's login page sends `next` along."""

    username = StrictTextField(max_length=150, help_text="Name of the account.")
    password = StrictTextField(
        max_length=1024,
        trim_whitespace=False,
        write_only=True,
        help_text="Its password.",
        style={"input_type": "password"},
    )


class TokenRequestSerializer(StrictSerializer):
    """User name and password."""

    UNKNOWN = "Unknown field."

    username = StrictTextField(max_length=150, help_text="Name of the account.")
    password = StrictTextField(max_length=1024, trim_whitespace=False, write_only=True, help_text="Its password.")


class TokenSerializer(serializers.Serializer):
    """A new token; it is stored as a hash only and cannot be shown again."""

    token = serializers.CharField(help_text="Send it as `Authorization: Token <token>`.")
    expiry = serializers.DateTimeField(help_text="When it ends unless it is used; each use puts this off.")


class NothingSerializer(serializers.Serializer):
    """An empty object."""


class LogoutSerializer(serializers.Serializer):
    """What became of the session."""

    message = serializers.CharField(help_text="For people.")

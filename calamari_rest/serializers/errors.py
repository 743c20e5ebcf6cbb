"""Errors, for the OpenAPI document; `calamari_rest.problems` makes them."""

from rest_framework import serializers

from calamari_rest.problems import CODES


class ErrorSerializer(serializers.Serializer):
    """Any error. Messages about single fields stand beside these two, as lists under the fields' names."""

    detail = serializers.CharField(help_text="What is wrong, for people.")
    code = serializers.ChoiceField(choices=list(CODES.items()), help_text="What is wrong, for programs.")

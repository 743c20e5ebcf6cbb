"""Strictness that DRF's own fields do not have."""

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer):
    """Takes an object with known fields only; Calamari's message for the others is kept."""

    UNKNOWN = "Not allowed during PATCH."

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values.

        Raises:
            ValidationError: the data is not an object, has an unknown field, or a field is not acceptable.
        """
        if not isinstance(data, dict):
            raise serializers.ValidationError({"non_field_errors": ["The body has to be a JSON object."]})
        errors = {_readable(name): [self.UNKNOWN] for name in data if name not in self.fields}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            errors = {**dict(error.detail), **errors}  # type: ignore[arg-type]
        if errors:
            raise serializers.ValidationError(errors)
        return values


class StrictBooleanField(serializers.BooleanField):
    """JSON's true and false; not the words, numbers and null that DRF would take for them."""

    default_error_messages = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean itself."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return bool(data)


class StrictNumberField(serializers.FloatField):
    """A JSON number; not a boolean, not a number in a string."""

    default_error_messages = {"invalid": "Must be a number."}

    def to_internal_value(self, data: Any) -> float:
        """Return the number as a float."""
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        return float(data)


class StrictTextField(serializers.CharField):
    """A JSON string; DRF would also take numbers for one."""

    def to_internal_value(self, data: Any) -> str:
        """Return the string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def _readable(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:80]}..."  # noqa: PLR2004  (an error should not echo a large body)

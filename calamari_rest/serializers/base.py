"""Strictness that DRF's own fields do not have."""

import math
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
            errors = {**error.detail, **errors}  # type: ignore[dict-item]
        if errors:
            raise serializers.ValidationError(errors)
        return values


class StrictBooleanField(serializers.Field):
    """JSON's true and false; not the words, numbers and null that DRF would take for them."""

    default_error_messages = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean itself."""
        if not isinstance(data, bool):
            self.fail("invalid")
        return data  # type: ignore[return-value]

    def to_representation(self, value: bool) -> bool:
        """Return the boolean itself."""
        return value


class StrictNumberField(serializers.Field):
    """A JSON number from `min_value` to `max_value`; not a boolean, not a number in a string."""

    default_error_messages = {"invalid": "Must be a number from {min_value:g} to {max_value:g}."}

    def __init__(self, *, min_value: float, max_value: float, **options: Any) -> None:
        self.min_value, self.max_value = min_value, max_value
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> float:
        """Return the number as a float."""
        is_number = isinstance(data, int | float) and not isinstance(data, bool)
        if not is_number or not self.min_value <= data <= self.max_value or math.isnan(data):
            self.fail("invalid", min_value=self.min_value, max_value=self.max_value)
        return float(data)

    def to_representation(self, value: float) -> float:
        """Return the number itself."""
        return value


class StrictTextField(serializers.CharField):
    """A JSON string; DRF would also take numbers for one."""

    def to_internal_value(self, data: Any) -> str:
        """Return the string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


def _readable(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:80]}..."  # noqa: PLR2004  (an error should not echo a large body)

"""Filters of lists: declared once per resource, checked strictly, applied to rows, shown in the OpenAPI document.

A parameter that the resource does not know is refused, too: a mistyped filter that is silently ignored would answer
with everything.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError

Row = dict[str, Any]
Matches = Callable[[Row, Any], bool]

# Browsers' libraries add it to get past caches; it means nothing.
CACHE_BUSTER = "_"
LARGEST_ID = 2**31 - 1
LONGEST_TEXT = 255
TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
TRUTHS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Filter:
    """One query parameter. `kind` is int (an id), bool or str; `many` lets it occur repeatedly, one of them must match.

    `choices` bounds the values of a str. `matches` gets a row and the value (a set of values for `many`).
    """

    name: str
    kind: type
    description: str
    matches: Matches | None = None
    many: bool = False
    choices: tuple[str, ...] | None = None

    def parse(self, given: list[str]) -> Any:
        """Return the value of what was given.

        Raises:
            ValueError: it is not one; the message says why.
        """
        if self.many:
            return {self._one(text) for text in given}
        if len(given) > 1:
            raise ValueError("Given more than once.")
        return self._one(given[0])

    def parameter(self) -> OpenApiParameter:
        """Return the filter as the OpenAPI document shows it."""
        return OpenApiParameter(
            self.name,
            {"type": "array", "items": self._schema()} if self.many else self._schema(),
            OpenApiParameter.QUERY,
            description=self.description,
            explode=True if self.many else None,
        )

    def _schema(self) -> dict[str, Any]:
        if self.kind is bool:
            return {"type": "boolean"}
        if self.kind is int:
            return {"type": "integer", "minimum": 0, "maximum": LARGEST_ID}
        if self.choices is not None:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "string", "pattern": f"^{TEXT.pattern}$"}

    def _one(self, text: str) -> Any:
        if self.kind is bool:
            if text.lower() not in TRUTHS:
                raise ValueError("Must be true or false.")
            return TRUTHS[text.lower()]
        if self.kind is int:
            return _id(text)
        if self.choices is not None and text not in self.choices:
            raise ValueError(f"Must be one of {', '.join(self.choices)}.")
        if not TEXT.fullmatch(text):
            raise ValueError(f"Must be 1 to {LONGEST_TEXT} characters, and no control characters.")
        return text


def _id(text: str) -> int:
    # int() would take " 7", "+7", "7_0" and digits of other scripts, and an unbounded number of them.
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(LARGEST_ID)) or int(text) > LARGEST_ID:
        raise ValueError("Must be an id: a number that is not negative.")
    return int(text)


def parse(query: QueryDict, filters: Iterable[Filter], others: Iterable[str] = ()) -> dict[str, Any]:
    """Return name -> value of all filters in a query; `others` are parameters that somebody else reads.

    Raises:
        ValidationError: a parameter is unknown or its value not acceptable; the fields are the parameters.
    """
    known = {item.name: item for item in filters}
    values, errors = {}, {}
    for name, given in query.lists():
        if name in known:
            try:
                values[name] = known[name].parse(given)
            except ValueError as error:
                errors[name] = [str(error)]
        elif name not in {CACHE_BUSTER, *others}:
            errors[name] = ["Unknown parameter."]
    if errors:
        raise ValidationError(errors)
    return values


def apply(rows: list[Row], filters: Iterable[Filter], values: dict[str, Any]) -> list[Row]:
    """Return the rows that match all values."""
    for item in filters:
        if item.name in values and item.matches is not None:
            matches, value = item.matches, values[item.name]
            rows = [row for row in rows if matches(row, value)]
    return rows

"""What counts as JSON."""

import json
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from calamari_rest.parsers import JSONParser

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(VALUES)
def test_takes_whatever_json_can_say(value: Any) -> None:
    assert JSONParser().parse(BytesIO(json.dumps(value).encode())) == value


@given(st.binary())
def test_fails_in_one_way_only(body: bytes) -> None:
    with suppress(ParseError):
        JSONParser().parse(BytesIO(body))


@pytest.mark.parametrize("body", [b'{"a": 1, "a": 1}', b'[{"a": {"b": 1, "b": 2}}]', b'{"a": 1, "\\u0061": 2}'])
def test_repeated_names(body: bytes) -> None:
    with pytest.raises(ParseError, match="occurs twice"):
        JSONParser().parse(BytesIO(body))


@pytest.mark.parametrize("body", [b"NaN", b"-Infinity", b'"\\ud800"', b"\xff", b"", b"{}{}", b"[" * 100_000])
def test_not_json(body: bytes) -> None:
    with pytest.raises(ParseError):
        JSONParser().parse(BytesIO(body))

"""Filters and pages: what is taken, what is refused, what they select."""

from contextlib import suppress
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from calamari_rest import filters, pagination
from calamari_rest.filters import Filter

FILTERS = (
    Filter("id", int, "", lambda row, value: row["id"] == value),
    Filter("ids[]", int, "", lambda row, values: row["id"] in values, many=True),
    Filter("up", bool, "", lambda row, value: row["up"] == value),
    Filter("name", str, "", lambda row, value: row["name"] == value),
    Filter("kind", str, "", choices=("a", "b")),
)
ROWS: list[dict[str, Any]] = [{"id": number, "up": number % 2 == 0, "name": f"n{number}"} for number in range(6)]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("id=0", {"id": 0}),
        ("id=007", {"id": 7}),
        (f"id={2**31 - 1}", {"id": 2**31 - 1}),
        ("ids[]=1&ids[]=1&ids[]=2", {"ids[]": {1, 2}}),
        ("up=True", {"up": True}),
        ("up=0", {"up": False}),
        ("name=%C3%A9+x", {"name": "é x"}),
        ("kind=a", {"kind": "a"}),
    ],
)
def test_taken(query: str, values: dict[str, Any]) -> None:
    assert filters.parse(QueryDict(query), FILTERS) == values


@pytest.mark.parametrize(
    "query",
    ["id=", "id=x", "id=+1", "id=1_0", "id=%201", f"id={2**31}", "id=" + "9" * 5000, "id=1&id=1", "ids[]=1&ids[]=x",
     "up=", "up=yes", "name=", "name=a%00", "name=a%0A", "name=" + "x" * 256, "kind=c", "kind=A", "other=1", "ids=1"],
)  # fmt: skip
def test_refused(query: str) -> None:
    with pytest.raises(ValidationError) as caught:
        filters.parse(QueryDict(query), FILTERS)
    assert set(caught.value.detail) == {query.partition("=")[0]}  # type: ignore[arg-type]


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    query = QueryDict(mutable=True)
    for name in ("id", "up", "name", "kind"):
        query[name] = text
        with suppress(ValidationError):
            filters.parse(query, FILTERS)


def test_selection() -> None:
    values = filters.parse(QueryDict("up=true&ids[]=1&ids[]=2&ids[]=4"), FILTERS)
    assert [row["id"] for row in filters.apply(ROWS, FILTERS, values)] == [2, 4]
    assert filters.apply(ROWS, FILTERS, {}) == ROWS


def request(query: str) -> Request:
    return Request(APIRequestFactory().get(f"/list?{query}"))


@given(st.integers(0, 60), st.integers(1, 25))
def test_pages_hold_everything_once_in_order(count: int, size: int) -> None:
    rows = [{"id": number} for number in range(count)]
    seen, query = [], f"page_size={size}&keep=me"
    while query:
        page = pagination.page_of_rows(request(query), rows)
        assert page["count"] == count
        assert len(page["results"]) <= size
        seen += page["results"]
        query = page["next"].partition("?")[2] if page["next"] else ""
        assert not query or "keep=me" in query
    assert seen == rows


def test_previous() -> None:
    page = pagination.page_of_rows(request("page=2&page_size=2"), ROWS)
    assert page["previous"].endswith("page=1&page_size=2")
    assert pagination.page_of_rows(request("page=1"), ROWS)["previous"] is None


@pytest.mark.parametrize("query", ["page=0", "page=3&page_size=3", "page=-1", "page=1e3", "page=", "page=1&page=2"])
def test_no_such_page(query: str) -> None:
    with pytest.raises(ValidationError) as caught:
        pagination.page_of_rows(request(query), ROWS)
    assert set(caught.value.detail) == {"page"}  # type: ignore[arg-type]

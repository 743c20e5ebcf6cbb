"""Pages of lists, in Calamari's form: `page` from 1, `page_size`, answered with count, next, previous, results.

Lists that Calamari answered as bare arrays stay so until a page is asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

PAGE = "page"
PAGE_SIZE = "page_size"
PARAMETERS = (PAGE, PAGE_SIZE)
DEFAULT_PAGE_SIZE = 10
LARGEST_PAGE_SIZE = 1000
LARGEST_PAGE = 10**9

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Countable(Protocol[Item_co]):
    """What has to be known of a query that is cut into pages."""

    def count(self) -> int:
        """Return how many items there are."""

    def __getitem__(self, part: slice) -> Iterable[Item_co]: ...


def is_wanted(request: Request) -> bool:
    """Tell whether a client asked for a page."""
    return any(name in request.query_params for name in PARAMETERS)


def page_of_rows(request: Request, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a page of rows that are in memory.

    Raises:
        ValidationError: there is no such page.
    """
    return _page(request, len(rows), lambda start, end: rows[start:end])


def page_of_query(request: Request, query: Countable[Item], present: Callable[[Item], Any]) -> dict[str, Any]:
    """Return a page of a query, each item as `present` shows it.

    Raises:
        ValidationError: there is no such page.
    """
    return _page(request, query.count(), lambda start, end: [present(item) for item in query[start:end]])


def parameters() -> list[OpenApiParameter]:
    """Return the two parameters as the OpenAPI document shows them."""
    return [
        OpenApiParameter(
            PAGE, {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}, description="Page, counted from 1."
        ),
        OpenApiParameter(
            PAGE_SIZE, {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE_SIZE}, description="Items on a page."
        ),
    ]


def _page(request: Request, count: int, part: Callable[[int, int], Sequence[Any]]) -> dict[str, Any]:
    number = _number(request, PAGE, 1, LARGEST_PAGE)
    size = _number(request, PAGE_SIZE, DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)
    last = max(1, -(-count // size))
    if number > last:
        raise ValidationError({PAGE: [f"There are {last} pages."]})
    return {
        "count": count,
        "next": _link(request, number + 1) if number < last else None,
        "previous": _link(request, number - 1) if number > 1 else None,
        "results": part((number - 1) * size, number * size),
    }


def _number(request: Request, name: str, default: int, largest: int) -> int:
    given = request.query_params.getlist(name)
    if not given:
        return default
    text = given[0]
    if len(given) > 1 or not (text.isascii() and text.isdigit()) or len(text) > len(str(largest)):
        raise ValidationError({name: [f"Must be one number from 1 to {largest}."]})
    if not 1 <= int(text) <= largest:
        raise ValidationError({name: [f"Must be a number from 1 to {largest}."]})
    return int(text)


def _link(request: Request, number: int) -> str:
    query = request.query_params.copy()
    query[PAGE] = str(number)
    return str(request.build_absolute_uri(f"{request.path}?{query.urlencode()}"))

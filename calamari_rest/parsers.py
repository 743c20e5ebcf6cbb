"""JSON in, strictly: what two readers of the same bytes could understand differently is refused."""

import json
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class JSONParser(BaseParser):
    """Takes RFC 8259 JSON in UTF-8 without NaN, lone surrogates or repeated names (RFC 7493, I-JSON)."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the body's value.

        Raises:
            ParseError: it is not such JSON.
        """
        body = stream.read()
        try:
            # orjson is strict about everything but repeated names, which only the standard library can show.
            orjson.loads(body)
            return json.loads(body, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"Malformed JSON: {str(error)[:200]}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {repeated[:80]!r} occurs twice in one object")
    return result

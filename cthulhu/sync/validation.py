"""Makes the output of monitor commands safe to work with: whoever reads a cleaned map need not doubt its types.

Monitors are not trusted by position. What passes here is JSON of bounded depth and string length; the records that
`cthulhu.sync` reads have the fields it needs, of the right types, and each id once. One bad record is dropped and
reported; only what cannot be read as the map at all is refused. Fields that nobody here reads stay as they are.
`cthulhu.sync.shapes` says what each map must look like.
"""

from math import isfinite
from typing import Any

from cthulhu.sync.shapes import SHAPES, Check, Records

LONGEST_STRING = 4096
DEEPEST = 32
MOST_PROBLEMS = 100

_SMALLEST_INTEGER = -(2**63)
_LARGEST_INTEGER = 2**64 - 1


class InvalidMap(ValueError):
    """The content is not the map that it is said to be."""


class Problems(list[str]):
    """What was changed or dropped, for the log: bounded however bad the map is."""

    def add(self, problem: str) -> None:
        """Note a problem, unless there are enough."""
        if len(self) < MOST_PROBLEMS:
            self.append(problem[:200])


def validated(name: str, content: Any) -> tuple[Any, list[str]]:
    """Return a cleaned copy of a sync object's content, and the problems that were met.

    Raises:
        InvalidMap: it is not a map of this name, or lacks a part that makes the map.
        KeyError: there is no such type of sync object.
    """
    shape = SHAPES[name]
    problems = Problems()
    cleaned = _clean(content, problems, 0)
    if not isinstance(cleaned, shape.kind):
        raise InvalidMap(f"{name} is a {type(content).__name__}, not a {shape.kind.__name__}")
    if isinstance(cleaned, dict):
        bad = _first_bad(cleaned, shape.required)
        if bad is not None:
            raise InvalidMap(f"{name} has no valid {bad}")
        _clean_optional(cleaned, shape.optional, name, problems)
    _clean_records(cleaned, shape.records, problems)
    return cleaned, list(problems)


def check_identity(content: Any, fsid: str, version: int | str) -> None:
    """Check that a map which names its cluster and its epoch is of this cluster and of this version.

    Raises:
        InvalidMap: it is of another cluster, or another epoch than was announced.
    """
    if not isinstance(content, dict):
        return
    if content.get("fsid", fsid) != fsid:
        raise InvalidMap(f"a map of cluster {_excerpt(content['fsid'])}")
    if isinstance(version, int) and content.get("epoch", version) != version:
        raise InvalidMap(f"epoch {_excerpt(content['epoch'])} announced as {version}")


def _clean(value: Any, problems: Problems, depth: int) -> Any:
    """Return a copy that is JSON of bounded depth and strings; what cannot be kept becomes None."""
    kind = type(value)
    if (
        (kind is str and len(value) <= LONGEST_STRING and value.isascii())
        or (kind is int and _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER)
        or (kind is float and isfinite(value))
        or kind is bool
        or value is None
    ):
        return value
    if kind is str:
        return _clean_text(value, problems)
    if kind is dict and depth < DEEPEST:
        return _clean_dict(value, problems, depth + 1)
    if kind is list and depth < DEEPEST:
        return [_clean(item, problems, depth + 1) for item in value]
    problems.add(f"a value became null: {kind.__name__} at depth {depth}")
    return None


def _clean_dict(value: dict[Any, Any], problems: Problems, depth: int) -> dict[str, Any]:
    cleaned = {}
    for key, item in value.items():
        if type(key) is not str or len(key) > LONGEST_STRING:
            problems.add(f"a key was dropped: {type(key).__name__} at depth {depth}")
        else:
            cleaned[key if key.isascii() else _clean_text(key, problems)] = _clean(item, problems, depth)
    return cleaned


def _clean_text(value: str, problems: Problems) -> str:
    if len(value) > LONGEST_STRING:
        problems.add(f"a string of {len(value)} characters was cut: {value[:40]!r}")
        value = value[:LONGEST_STRING]
    # Lone surrogates stand for bytes that were not UTF-8, and cannot be encoded as JSON.
    return value.encode("utf-8", "replace").decode("utf-8")


def _clean_records(holder: Any, kinds: tuple[Records, ...], problems: Problems) -> None:
    """Drop the bad records of each kind from the map, or record, that holds them."""
    for kind in kinds:
        collection = holder if kind.under is None else holder.get(kind.under)
        if isinstance(collection, list):
            seen: set[Any] = set()
            collection[:] = [record for record in collection if _is_kept(record, kind, seen, problems)]
        elif isinstance(collection, dict):
            for key in [key for key, record in collection.items() if not _is_kept(record, kind, set(), problems)]:
                del collection[key]


def _is_kept(record: Any, kind: Records, seen: set[Any], problems: Problems) -> bool:
    """Clean a record; tell whether it can be kept."""
    if not isinstance(record, dict):
        problems.add(f"{kind.kind} dropped: not an object")
        return False
    bad = _first_bad(record, kind.required)
    if bad is not None:
        problems.add(f"{_label(record, kind)} dropped: {bad} is {_excerpt(record.get(bad))}")
        return False
    if kind.identity is not None:
        if record[kind.identity] in seen:
            problems.add(f"{_label(record, kind)} dropped: it was there before")
            return False
        seen.add(record[kind.identity])
    _clean_optional(record, kind.optional, kind.kind, problems)
    if kind.nested:
        _clean_records(record, kind.nested, problems)
    return True


def _clean_optional(record: dict[str, Any], optional: dict[str, Check], kind: str, problems: Problems) -> None:
    for name, check in optional.items():
        value = record.get(name)
        if value is not None and not check(value):
            problems.add(f"{kind}: {name} became null, was {_excerpt(value)}")
            record[name] = None


def _first_bad(record: dict[str, Any], required: dict[str, Check]) -> str | None:
    for name, check in required.items():
        if not check(record.get(name)):
            return name
    return None


def _label(record: dict[str, Any], kind: Records) -> str:
    return f"{kind.kind} {_excerpt(record.get(kind.identity))}" if kind.identity else kind.kind


def _excerpt(value: Any) -> str:
    """Return enough of a hostile value to recognize it, without printing all of a large one."""
    return repr(value)[:60] if isinstance(value, str | int | float | None) else type(value).__name__

"""The form of a resource: rows of the API made of sync objects, and the version that belongs to them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cthulhu.sync.objects import SyncObject

Row = dict[str, Any]
Objects = Mapping[str, SyncObject]


@dataclass(frozen=True)
class Resource:
    """How the rows of one object type come about.

    `build` is a pure function of the objects named in `depends`: a list of rows, or one row where a cluster has only
    one such object. It needs those in `required` and does without the others. `format` is raised with every change of
    what `build` answers, so that nobody takes rows cached from an earlier release for current ones.
    """

    name: str
    depends: tuple[str, ...]
    required: tuple[str, ...]
    build: Callable[[Objects], list[Row] | Row]
    format: int = 1

    def version(self, objects: Objects) -> str | None:
        """Return the version of what `build` would answer now, or None while a required object is missing.

        16 hexadecimal digits that follow from the versions of the objects alone: the same after a restart.
        """
        if not all(name in objects for name in self.required):
            return None
        parts = [f"{name}={objects[name].version}" for name in sorted(self.depends) if name in objects]
        return hashlib.sha256(";".join((self.name, str(self.format), *parts)).encode()).hexdigest()[:16]

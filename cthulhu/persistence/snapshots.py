"""Storing the last known rows, so that they outlive cthulhu."""

from datetime import UTC, datetime
from typing import Any

import orjson

from cthulhu.persistence.models import StoredSnapshot


def store(fsid: str, name: str, version: str, updated_at: float, content: Any) -> None:
    """Store the rows of an object type, or a sync object's content, in place of what was stored before."""
    StoredSnapshot.objects.update_or_create(
        fsid=fsid,
        name=name,
        defaults={
            "version": version,
            "updated_at": datetime.fromtimestamp(updated_at, UTC),
            "content": orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS),
        },
    )


def load_all(fsid: str) -> list[tuple[str, str, float, Any]]:
    """Return (name, version, updated_at, content) of everything stored of a cluster."""
    return [
        (row.name, row.version, row.updated_at.timestamp(), orjson.loads(bytes(row.content)))
        for row in StoredSnapshot.objects.filter(fsid=fsid)
    ]


def sync_object_name(name: str) -> str:
    """Return the name under which a sync object is stored, apart from an object type of the same name."""
    return f"sync_object/{name}"

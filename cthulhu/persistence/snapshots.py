"""Storing the last known rows, so that they outlive cthulhu."""

from datetime import UTC, datetime
from typing import Any

import orjson

from cthulhu.persistence.models import StoredSnapshot

SYNC_OBJECT = "sync_object/"


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


def rows(fsid: str) -> dict[str, Any]:
    """Return object type -> stored rows."""
    stored = StoredSnapshot.objects.filter(fsid=fsid).exclude(name__startswith=SYNC_OBJECT)
    return {row.name: orjson.loads(bytes(row.content)) for row in stored}


def sync_objects(fsid: str) -> list[tuple[str, str, float, Any]]:
    """Return (name, version, updated_at, content) of each stored sync object."""
    return [
        (row.name.removeprefix(SYNC_OBJECT), row.version, row.updated_at.timestamp(), orjson.loads(bytes(row.content)))
        for row in StoredSnapshot.objects.filter(fsid=fsid, name__startswith=SYNC_OBJECT)
    ]


def sync_object_name(name: str) -> str:
    """Return the name under which a sync object is stored, apart from an object type of the same name."""
    return SYNC_OBJECT + name

"""The row of the cluster itself, of what cthulhu observes of its nodes and of `health detail`."""

from datetime import UTC, datetime

from cthulhu.sync.objects import CONTACT, HEALTH
from cthulhu.sync.resources.resource import Objects, Resource, Row


def build(objects: Objects) -> Row:
    """Return the cluster's row.

    `update_time` is the last contact at the moment of building. Contact alone makes no new version: who answers later
    than that takes the time from the version vector.
    """
    contact = objects[CONTACT]
    return {
        "id": contact.content["id"],
        "name": contact.content["name"],
        "update_time": datetime.fromtimestamp(contact.updated_at, UTC).isoformat(timespec="milliseconds"),
        "connected": contact.content["connected"],
        "health": objects[HEALTH].content["status"] if HEALTH in objects else None,
    }


RESOURCE = Resource("cluster", (CONTACT, HEALTH), (CONTACT,), build)

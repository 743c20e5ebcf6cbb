"""What the API shows of a cluster: one module for each object type, all pure functions of sync objects.

A new object type is a module with a `Resource`, and an entry here.
"""

from collections.abc import Mapping
from types import MappingProxyType

from cthulhu.sync.resources import cluster, health, mon, osd, pool
from cthulhu.sync.resources.resource import Resource

RESOURCES: Mapping[str, Resource] = MappingProxyType(
    {module.RESOURCE.name: module.RESOURCE for module in (cluster, osd, pool, mon, health)}
)

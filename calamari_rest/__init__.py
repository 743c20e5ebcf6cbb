"""The HTTP edge: `/api/v2`, as Calamari's clients know it.

A request's way through this package: `urls/` -> `views/` (HTTP only) -> `snapshots` for reads, `backend`'s RPC client
for changes, `cthulhu.journal` for requests and events. It never talks to Salt, Ceph or a request factory.
"""

"""Durable state in SQL: clusters, requests with their steps, events, the outbox and the last known rows.

Redis may be lost at any time; what stands here is the truth. Neighbours: `cthulhu.requests` (pure, stored here),
`cthulhu.journal` (the HTTP edge's read-only view), `cthulhu.monitor` and `cthulhu.tasks` (the writers).
"""

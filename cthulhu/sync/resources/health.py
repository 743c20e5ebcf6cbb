"""The cluster's health, of `health detail`."""

from typing import Any

from cthulhu.sync.objects import HEALTH
from cthulhu.sync.resources.resource import Objects, Resource, Row


def build(objects: Objects) -> Row:
    """Return the status, its checks by code, and what is muted."""
    health = objects[HEALTH].content
    checks = health.get("checks") or {}
    return {
        "status": health["status"],
        "checks": [_check(code, checks[code]) for code in sorted(checks)],
        "mutes": health.get("mutes") or [],
    }


def _check(code: str, check: dict[str, Any]) -> Row:
    summary = check["summary"]
    return {
        "code": code,
        "severity": check["severity"],
        "summary": summary.get("message"),
        "count": summary.get("count"),
        "muted": bool(check.get("muted")),
        "detail": [item["message"] for item in check.get("detail") or []],
    }


RESOURCE = Resource("health", (HEALTH,), (HEALTH,), build)

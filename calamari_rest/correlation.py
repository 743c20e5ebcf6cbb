"""The id that ties together all that one HTTP request sets off: RPC, request row, Salt job, log lines."""

import re
import secrets

import structlog

HEADER = "X-Request-ID"
# What comes from outside ends up in logs, SQL and Salt jobs.
ACCEPTABLE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def choose(given: str) -> str:
    """Return the id a client sent, or a new one if it sent none that is acceptable."""
    return given if ACCEPTABLE.fullmatch(given) else secrets.token_hex(8)


def current() -> str:
    """Return the id of the HTTP request that is being served, "" outside of one."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))

"""Log what hostile or broken nodes cause, without letting them fill the log."""

import time

import structlog

log = structlog.get_logger(__name__)

PERIOD = 30.0
LARGEST_MEMORY = 1000


class Complaints:
    """One line per kind of complaint and node in PERIOD seconds, which says how many were left out.

    Not safe between threads: one object serves one thread.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def complain(self, reason: str, node: str, **details: object) -> None:
        """Log a warning, unless the same one was logged for this node lately."""
        now = time.monotonic()
        key = (reason, node)
        since, left_out = self._last.get(key, (-PERIOD, 0))
        if now - since < PERIOD:
            self._last[key] = (since, left_out + 1)
            return
        if len(self._last) >= LARGEST_MEMORY:
            self._last.clear()
        self._last[key] = (now, 0)
        log.warning("dropped a message", reason=reason, node=node[:100], left_out=left_out, **details)

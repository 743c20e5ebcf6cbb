"""Listen to the master's event bus for ever, across restarts of the master."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import salt.utils.event
import structlog

log = structlog.get_logger(__name__)

PREFIXES = ("salt/job/", "calamari/node/")
WAIT = 0.5
RETRY = 0.5
# A master whose main process was killed leaves its publisher behind, to which nobody talks any more. So a bus on which
# nothing is said is left, too: with one node in contact there is a heartbeat every second.
LONGEST_SILENCE = 10.0


@dataclass(frozen=True)
class BusEvent:
    """What stood on the bus, unchecked. `received_at`: Unix seconds."""

    tag: str
    data: Any
    received_at: float


def listen(options: dict[str, Any]) -> Iterator[BusEvent]:
    """Yield the events whose tags begin with one of PREFIXES.

    Args:
        options: the master's.
    """
    reachable = True
    while True:
        try:
            for event in _listen_once(options):
                if not reachable:
                    log.info("the salt-master's event bus is back")
                    reachable = True
                yield event
        except Exception as error:  # noqa: BLE001  (Salt and its transports raise what they like when a socket breaks)
            if reachable:
                log.warning("lost the salt-master's event bus", error=f"{type(error).__name__}: {error}")
                reachable = False
        time.sleep(RETRY)


def _listen_once(options: dict[str, Any]) -> Iterator[BusEvent]:
    """Yield events until the master's socket is replaced or nothing was said for too long."""
    path = Path(options["sock_dir"]) / "master_event_pub.ipc"
    socket = _identity(path)
    with salt.utils.event.get_event(
        "master", sock_dir=options["sock_dir"], opts=options, listen=True, raise_errors=True
    ) as bus:
        heard = time.monotonic()
        checked = heard
        while bus.cpub and time.monotonic() - heard < LONGEST_SILENCE:
            event = bus.get_event(wait=WAIT, full=True)
            now = time.monotonic()
            if event is not None:
                heard = now
                if event["tag"].startswith(PREFIXES):
                    yield BusEvent(event["tag"], event["data"], time.time())
            if now - checked >= WAIT:
                checked = now
                if _identity(path) != socket:
                    return


def _identity(path: Path) -> tuple[int, int]:
    """Tell one socket of a name from the next: inode numbers alone are used again at once."""
    status = path.stat()
    return status.st_ino, status.st_ctime_ns

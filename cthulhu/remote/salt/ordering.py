"""Drop what a watcher did not just say: messages repeated by somebody, and those that newer ones have overtaken."""

from collections import deque
from dataclasses import dataclass, field

# How far behind the newest message one may arrive: parts of large maps travel side by side.
WINDOW = 4096
RETIRED = 32


@dataclass
class _Run:
    """One run of a node's watcher. `newest` holds, per kind of message, the highest sequence that was used."""

    boot: str
    time: float
    highest: int = 0
    seen: set[int] = field(default_factory=set)
    newest: dict[str, int] = field(default_factory=dict)


class Ordering:
    """Per node, which run of its watcher counts and which of its messages were seen.

    A new run replaces the old one if the node's clock says that it is later, or is right now while the old run's was
    not (a clock that was set back). A run that was replaced never returns. So a recorded message of an old run is
    refused, except by a server that has not heard of a later one: it is corrected by the node's next heartbeat.
    """

    def __init__(self, clock_tolerance: float) -> None:
        self._tolerance = clock_tolerance
        self._runs: dict[str, _Run] = {}
        self._retired: dict[str, deque[str]] = {}

    def admit(self, node: str, boot: str, sequence: int, time: float, now: float) -> bool:
        """Return whether a message is new; it then counts as seen.

        Args:
            node: its sender.
            boot: the run of its watcher.
            sequence: its number in that run.
            time: its sender's clock, Unix seconds.
            now: the server's clock, Unix seconds.
        """
        run = self._runs.get(node)
        if run is None or run.boot != boot:
            if run is not None and not self._succeeds(run, node, boot, time, now):
                return False
            if run is not None:
                self._retired.setdefault(node, deque(maxlen=RETIRED)).append(run.boot)
            run = self._runs[node] = _Run(boot, time)
        if sequence <= run.highest - WINDOW or sequence in run.seen:
            return False
        run.seen.add(sequence)
        run.highest = max(run.highest, sequence)
        run.time = max(run.time, time)
        if len(run.seen) > 2 * WINDOW:
            run.seen = {number for number in run.seen if number > run.highest - WINDOW}
        return True

    def overtake(self, node: str, kind: str, sequence: int) -> bool:
        """Return whether nothing newer of this kind was used; `sequence` is now the newest."""
        run = self._runs[node]
        if sequence <= run.newest.get(kind, 0):
            return False
        run.newest[kind] = sequence
        return True

    def _succeeds(self, run: _Run, node: str, boot: str, time: float, now: float) -> bool:
        if boot in self._retired.get(node, ()):
            return False
        set_back = abs(time - now) <= self._tolerance < abs(run.time - now)
        return time > run.time or set_back

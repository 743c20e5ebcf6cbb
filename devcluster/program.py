"""One supervised program: started, watched, restarted after a growing pause when it dies, and broken on purpose.

`supervisor` holds the table of them; `ceph`, `salt`, `redis` and `calamari` say what they are.
"""

import asyncio
import enum
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devcluster.children import Child, Children
from devcluster.log import MergedLog

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
# A program that ran this long before it died starts over with the shortest pause.
GOOD_RUN = 20.0


class State(enum.StrEnum):
    """What became of a program. Only RESTARTING comes back by itself."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    KILLED = "killed"


def unchanged(line: str) -> str | None:
    """Show every line in the merged log."""
    return line


@dataclass(frozen=True)
class Program:
    """What to run.

    `stale` are files that a killed predecessor may have left and that would hinder it; `shown` turns a line of its
    output into the merged log's, or None to keep it out of there.
    """

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    executable: str | None = None
    node: str | None = None
    stale: tuple[Path, ...] = ()
    stop_timeout: float = 10.0
    shown: Callable[[str], str | None] = unchanged


@dataclass
class Supervised:
    """A program and what became of it.

    Invariants: at most one family of processes exists at a time; a new one starts only when the last member of the
    one before is gone. What `kill` or `stop` ended stays down until `start`.
    """

    program: Program
    children: Children
    log: MergedLog
    state: State = State.STOPPED
    restarts: int = 0
    since: float = field(default_factory=time.time)
    _child: Child | None = None
    _pause: float = FIRST_PAUSE
    _restart: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Pid of the running program's main process."""
        return self._child.pid if self._child else None

    def row(self) -> dict[str, Any]:
        """Return name, node, pid, state, restarts and since (Unix seconds) for `status`."""
        return {
            "name": self.program.name,
            "node": self.program.node,
            "pid": self.pid,
            "state": self.state.value,
            "restarts": self.restarts,
            "since": self.since,
        }

    def start(self) -> None:
        """Start the program unless it runs; a paused one goes on."""
        if self.state is State.PAUSED:
            self.resume()
        if self._child is None:
            self._pause = FIRST_PAUSE
            self._launch()

    async def stop(self, state: State = State.STOPPED) -> None:
        """End the program in order, by force after its timeout; return when its last process is gone."""
        self._leave_down(state)
        if self._child is None:
            return
        child = self._child
        child.tell(signal.SIGTERM)
        # A frozen process sees the request to end only when it goes on.
        child.tell_family(signal.SIGCONT)
        try:
            await asyncio.wait_for(asyncio.shield(child.ended), self.program.stop_timeout)
        except TimeoutError:
            self.log.say(f"{self.program.name} does not stop: killed")
            await self.kill(state)

    async def kill(self, state: State = State.KILLED) -> None:
        """SIGKILL the whole family and leave it down."""
        self._leave_down(state)
        child = self._child
        while child is not None and not child.ended.done():
            child.tell_family(signal.SIGKILL)
            await asyncio.wait({child.ended}, timeout=0.2)

    async def restart(self, reason: str) -> None:
        """Kill the whole family and start anew."""
        self.log.say(f"{self.program.name} is restarted: {reason}")
        await self.kill(State.RESTARTING)
        self._launch()
        self.restarts += 1

    def pause(self) -> None:
        """SIGSTOP the whole family.

        Raises:
            ValueError: it does not run.
        """
        if self._child is None:
            raise ValueError(f"{self.program.name} does not run")
        self._child.tell_family(signal.SIGSTOP)
        self._become(State.PAUSED)

    def resume(self) -> None:
        """SIGCONT the whole family, if it is paused."""
        if self._child is not None and self.state is State.PAUSED:
            self._child.tell_family(signal.SIGCONT)
            self._become(State.RUNNING)

    def _leave_down(self, state: State) -> None:
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        self._become(state)

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state, self.since = state, time.time()

    def _launch(self) -> None:
        self._restart = None
        for path in self.program.stale:
            path.unlink(missing_ok=True)
        try:
            self._child = self.children.start(
                self.program.arguments,
                self.program.environment,
                self._on_line,
                executable=self.program.executable,
            )
        except OSError as error:
            self.log.say(f"{self.program.name} cannot be started: {error}")
            self._restart_later()
            return
        self._child.ended.add_done_callback(self._on_end)
        self._become(State.RUNNING)

    def _on_line(self, line: str) -> None:
        self.log.line(self.program.name, line, self.program.shown(line))

    def _on_end(self, ended: asyncio.Future[int]) -> None:
        self._child = None
        if self.state not in {State.RUNNING, State.PAUSED}:
            return
        code = ended.result()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if time.time() - self.since > GOOD_RUN:
            self._pause = FIRST_PAUSE
        self.log.say(f"{self.program.name} {how}: starts again in {self._pause:g} s")
        self._restart_later()

    def _restart_later(self) -> None:
        self._become(State.RESTARTING)
        self.restarts += 1
        self._restart = asyncio.get_running_loop().call_later(self._pause, self._launch)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

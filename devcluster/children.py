"""The supervisor's child processes: each leads a session of its own, and none leaves relatives behind when it ends.

`program` builds on this what is restarted, `Children.command` runs what ends by itself (mkfs, migrations).
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from devcluster.process_table import Process, family, is_running, read, send, snapshot

LONGEST_LINE = 8192
KILL_TIMEOUT = 2.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class CommandFailed(Exception):
    """A command did not end with code 0, or not in time; the message holds the end of its output."""


@dataclass
class Child:
    """A running child.

    `ended` gives its exit code (negative: the signal's number) once it and its family are gone; `output_ended` is done
    when all its lines were handed on, at the earliest then.
    """

    pid: int
    ended: asyncio.Future[int]
    output_ended: asyncio.Future[None]

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the child alone, unless it has ended."""
        if not self.ended.done():
            os.kill(self.pid, number)

    def tell_family(self, number: signal.Signals) -> None:
        """Send a signal to the child, its descendants and its session, unless it has ended."""
        if not self.ended.done():
            send(number, family(self.pid))


@dataclass
class Children:
    """All children of this process, direct and adopted; there is one instance, made in a running event loop.

    Adopted children are processes whose own parent died. Nothing started here detaches itself on purpose, so they are
    ended. `record` is rewritten at every start: it lets the next run end what is left when guardian and supervisor
    were killed together.
    """

    record: Path
    _running: dict[int, Child] = field(default_factory=dict)

    def __post_init__(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def start(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        *,
        executable: str | None = None,
        given: bytes = b"",
    ) -> Child:
        """Start a program in its own session; every line it writes goes to `on_line`.

        Args:
            arguments: argv; argv[0] is also the program's file unless `executable` names another.
            environment: the whole environment.
            on_line: called with each line of standard output and error, without its end.
            executable: path of the program's file.
            given: what it finds on standard input.

        Raises:
            OSError: the program could not be started.
        """
        process = subprocess.Popen(
            arguments,
            executable=executable,
            env=dict(environment),
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        loop = asyncio.get_running_loop()
        child = Child(process.pid, loop.create_future(), loop.create_future())
        self._running[child.pid] = child
        # This class reaps; Popen's own bookkeeping is told not to try.
        process.returncode = 0
        self._write_record()
        assert process.stdout is not None  # noqa: S101  (stdout=PIPE)
        if process.stdin is not None:
            process.stdin.write(given)
            process.stdin.close()
        LineReader(on_line, child.output_ended).attach(process.stdout)
        return child

    async def command(
        self, arguments: list[str], environment: Mapping[str, str], *, given: bytes = b"", timeout: float = 60.0
    ) -> str:
        """Run a program to its end and return what it wrote.

        Raises:
            CommandFailed: it ended with another code than 0, or was killed after `timeout` seconds.
        """
        lines: list[str] = []
        child = self.start(arguments, environment, lines.append, given=given)
        shown = " ".join(arguments[:6])
        try:
            code = await asyncio.wait_for(asyncio.shield(child.ended), timeout)
            await child.output_ended
        except TimeoutError:
            raise CommandFailed(f"{shown}: no end after {timeout:.0f} s\n" + "\n".join(lines[-20:])) from None
        finally:
            child.tell_family(signal.SIGKILL)
        if code != 0:
            raise CommandFailed(f"{shown}: exit code {code}\n" + "\n".join(lines[-20:]))
        return "\n".join(lines)

    def _reap(self) -> None:
        """End the families of children that ended, then reap them: until then nobody else can have their pid."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            child = self._running.pop(found.si_pid, None)
            if child is not None:
                self._kill_family(child.pid)
            _pid, status = os.waitpid(found.si_pid, 0)
            if child is not None and not child.ended.done():
                child.ended.set_result(os.waitstatus_to_exitcode(status))

    def _kill_family(self, leader: int) -> None:
        """Kill who is left of an ended child's session, and who was adopted after leaving it."""
        deadline = time.monotonic() + KILL_TIMEOUT
        while time.monotonic() < deadline:
            left = [process for process in family(leader) if process.pid != leader] + self._strays()
            if not left:
                return
            send(signal.SIGKILL, left)
            time.sleep(0.002)

    def _strays(self) -> list[Process]:
        """Return adopted children that left the session they were started in."""
        me = os.getpid()
        return [
            process
            for process in snapshot().values()
            if process.parent == me
            and not process.is_zombie
            and process.pid not in self._running
            and process.session not in self._running
        ]

    def _write_record(self) -> None:
        started = {pid: process.started for pid in self._running if (process := read(pid)) is not None}
        temporary = self.record.with_suffix(".new")
        temporary.write_text(json.dumps({"boot": BOOT_ID.read_text().strip(), "started": started}))
        temporary.replace(self.record)


def kill_leftovers(record: Path) -> int:
    """Kill what an earlier run recorded and left running, wait for its end; return how many processes there were.

    The caller holds the home's lock, so no living run owns them. A session whose leader is another process by now
    (a later start time) is left alone.
    """
    try:
        content = json.loads(record.read_text())
        started = {int(pid): int(ticks) for pid, ticks in content["started"].items()}
        boot = content["boot"]
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return 0
    if boot != BOOT_ID.read_text().strip():
        return 0
    left: list[Process] = []
    for leader, ticks in started.items():
        present = read(leader)
        if present is None or present.started == ticks:
            left += family(leader)
    send(signal.SIGKILL, left)
    deadline = time.monotonic() + KILL_TIMEOUT
    while time.monotonic() < deadline and any(map(is_running, left)):
        time.sleep(0.01)
    return len(left)


class LineReader(asyncio.Protocol):
    """Cuts a pipe's bytes into lines; overlong lines are cut, bytes that are not UTF-8 replaced."""

    def __init__(self, on_line: Callable[[str], None], ended: asyncio.Future[None]) -> None:
        self._on_line = on_line
        self._ended = ended
        self._rest = b""

    def attach(self, pipe: IO[bytes]) -> None:
        """Read `pipe` until its end, then complete `ended`."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_read_pipe(lambda: self, pipe))
        # The event loop itself holds tasks only weakly.
        _attaching.add(task)
        task.add_done_callback(_attaching.discard)

    def data_received(self, data: bytes) -> None:
        """Hand on each complete line."""
        *complete, self._rest = (self._rest + data).split(b"\n")
        for line in complete:
            self._emit(line)
        if len(self._rest) > LONGEST_LINE:
            self._emit(self._rest)
            self._rest = b""

    def connection_lost(self, _error: Exception | None) -> None:
        """Hand on a last line without end."""
        if self._rest:
            self._emit(self._rest)
        if not self._ended.done():
            self._ended.set_result(None)

    def _emit(self, line: bytes) -> None:
        self._on_line(line[:LONGEST_LINE].decode(errors="replace").rstrip())


_attaching: set[asyncio.Task[object]] = set()

"""`python -m devcluster run`: one supervisor from its start to its end."""

import asyncio
import contextlib
import os
import signal
import traceback
from collections.abc import Iterable

from configuration import Settings
from devcluster import home
from devcluster.children import kill_leftovers
from devcluster.control import serve
from devcluster.log import MergedLog
from devcluster.plan import Plan
from devcluster.process_table import kill_descendants
from devcluster.supervisor import START_FAILURES, Supervisor


async def supervise(settings: Settings, plan: Plan, parts: Iterable[str], log: MergedLog, guardian_died: int) -> int:
    """Run everything until a signal, a `down` or a failed start ends it; return the exit code."""
    loop = asyncio.get_running_loop()
    # Dead guardian: whoever started this wants it gone at once, and may have no time for more.
    loop.add_reader(guardian_died, _end_at_once)
    killed = kill_leftovers(home.children_record(settings))
    if killed:
        log.say(f"killed {killed} processes that an earlier run left behind")
    supervisor = Supervisor(settings, plan, parts, log)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _on_signal, supervisor, log)
    code = 0
    async with serve(supervisor, home.control_socket(settings)):
        starting = asyncio.create_task(supervisor.bring_up())
        stopping = asyncio.create_task(supervisor.stopping.wait())
        watching = asyncio.create_task(supervisor.watch_worker())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and (error := starting.exception()) is not None:
            code = 1
            _say_failure(log, error)
        else:
            await stopping
        for task in (starting, stopping, watching):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, *START_FAILURES, ExceptionGroup):
            await starting
        log.say("stopping")
        await supervisor.take_down()
        log.say("stopped")
    return code


def _on_signal(supervisor: Supervisor, log: MergedLog) -> None:
    if supervisor.stopping.is_set():
        log.say("told twice to stop: killing what is left")
        _end_at_once()
    supervisor.stopping.set()


def _end_at_once() -> None:
    kill_descendants()
    os._exit(1)


def _say_failure(log: MergedLog, error: BaseException) -> None:
    """Log why the start failed; a failure nobody foresaw comes with its traceback."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _say_failure(log, inner)
    elif isinstance(error, START_FAILURES):
        for line in f"cannot start: {error}".splitlines():
            log.say(line)
    else:
        for line in "".join(traceback.format_exception(error)).splitlines():
            log.say(line)

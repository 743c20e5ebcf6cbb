"""Starting, watching and ending processes: with real ones, found by descent and never by name."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from devcluster.children import LONGEST_LINE, Children, CommandFailed, kill_leftovers
from devcluster.log import MergedLog
from devcluster.process_table import become_subreaper, family, is_running
from devcluster.program import Program, State, Supervised

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
# One child in the session, one that left it.
WITH_RELATIVES = ["sh", "-c", "sleep 300 & setsid sleep 300 & echo ready; wait"]


def run_alone(body: Callable[[Path], Coroutine[Any, Any, None]], tmp_path: Path) -> None:
    """Run `body` in a process of its own: a supervisor's signal handler reaps all children of its process."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            become_subreaper()
            asyncio.run(body(tmp_path))
            code = 0
        except BaseException:  # noqa: BLE001  (nothing of pytest may run in the child)
            import traceback  # noqa: PLC0415

            traceback.print_exc()
        finally:
            os._exit(code)
    _pid, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


async def until(holds: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def supervised(folder: Path, arguments: list[str], **options: Any) -> Supervised:
    children = Children(folder / "children.json")
    return Supervised(Program("it", arguments, ENVIRONMENT, **options), children, MergedLog(folder / "log", None))


def test_what_dies_takes_its_family_along_and_comes_back(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        entry = supervised(folder, WITH_RELATIVES)
        entry.start()
        await until(lambda: entry.pid and len(family(entry.pid)) == 3)
        first = entry.pid
        assert first is not None
        relatives = family(first)
        os.kill(first, signal.SIGKILL)
        await until(lambda: entry.state is State.RESTARTING)
        assert not any(map(is_running, relatives))
        await until(lambda: entry.state is State.RUNNING)
        assert entry.pid != first
        assert entry.restarts == 1
        await entry.kill()
        assert entry.state is State.KILLED
        assert entry.pid is None
        await asyncio.sleep(0.7)
        assert entry.pid is None

    run_alone(body, tmp_path)


def test_pause_between_restarts_grows(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        entry = supervised(folder, ["false"])
        started = time.monotonic()
        entry.start()
        await until(lambda: entry.restarts == 3)
        # 0.5 s and 1 s have passed, 2 s follow.
        assert 1.5 <= time.monotonic() - started < 3
        await entry.stop()
        assert entry.state is State.STOPPED

    run_alone(body, tmp_path)


def test_who_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        entry = supervised(folder, ["sh", "-c", "trap '' TERM; echo ready; sleep 300"], stop_timeout=0.2)
        entry.start()
        log = folder / "log" / "it.log"
        await until(lambda: log.exists() and "ready" in log.read_text())
        assert entry.pid is not None
        members = family(entry.pid)
        assert len(members) == 2
        await entry.stop()
        assert not any(map(is_running, members))

    run_alone(body, tmp_path)


def test_pause_freezes_the_whole_family(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        entry = supervised(folder, WITH_RELATIVES)
        entry.start()
        await until(lambda: entry.pid and len(family(entry.pid)) == 3)
        assert entry.pid is not None
        entry.pause()
        await until(lambda: {process.state for process in family(entry.pid or 0)} == {"T"})
        entry.resume()
        await until(lambda: "T" not in {process.state for process in family(entry.pid or 0)})
        await entry.kill()
        with pytest.raises(ValueError, match="does not run"):
            entry.pause()

    run_alone(body, tmp_path)


def test_commands(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        children = Children(folder / "children.json")
        assert await children.command(["sh", "-c", "echo one; echo two >&2"], ENVIRONMENT) == "one\ntwo"
        assert await children.command(["cat"], ENVIRONMENT, given=b"given") == "given"
        with pytest.raises(CommandFailed, match="exit code 3\nwhy"):
            await children.command(["sh", "-c", "echo why; exit 3"], ENVIRONMENT)
        started = time.monotonic()
        with pytest.raises(CommandFailed, match="no end"):
            await children.command(["sleep", "300"], ENVIRONMENT, timeout=0.2)
        assert time.monotonic() - started < 5

    run_alone(body, tmp_path)


def test_overlong_and_foreign_lines(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        children = Children(folder / "children.json")
        script = f"import os; os.write(1, b'x' * {3 * LONGEST_LINE} + b'\\n\\xff\\nno end')"
        lines = (await children.command([sys.executable, "-c", script], ENVIRONMENT)).split("\n")
        assert max(map(len, lines)) <= LONGEST_LINE
        assert lines[-2:] == ["\N{REPLACEMENT CHARACTER}", "no end"]

    run_alone(body, tmp_path)


def test_leftovers_of_the_record_are_killed(tmp_path: Path) -> None:
    left = subprocess.Popen(WITH_RELATIVES, start_new_session=True, stdout=subprocess.PIPE)
    assert left.stdout is not None
    left.stdout.readline()
    process = next(member for member in family(left.pid) if member.pid == left.pid)
    record = tmp_path / "children.json"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def leftovers_of(boot: str, started: int) -> int:
        record.write_text(json.dumps({"boot": boot, "started": {left.pid: started}}))
        return kill_leftovers(record)

    # The same number, but another boot or another process: not ours.
    assert leftovers_of("another", process.started) == 0
    assert leftovers_of(boot, process.started - 1) == 0
    assert left.poll() is None
    relatives = family(left.pid)
    assert leftovers_of(boot, process.started) == len(relatives)
    assert left.wait() == -signal.SIGKILL
    assert not any(map(is_running, relatives))
    left.stdout.close()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"started": 3}'])
def test_no_usable_record(tmp_path: Path, text: str | None) -> None:
    record = tmp_path / "children.json"
    if text is not None:
        record.write_text(text)
    assert kill_leftovers(record) == 0

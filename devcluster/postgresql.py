"""`python -m devcluster.postgresql COMMAND...`: run a command with DATABASE_URL naming a private PostgreSQL.

The server has a data folder and a Unix socket of its own in a temporary folder, no port, no password, and is gone when
the command ends, however it ends. PostgreSQL refuses to run as root, so for root it runs as nobody.
"""

import os
import pwd
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devcluster.environment import plain
from devcluster.guardian import run_guarded

BINARIES = "/usr/lib/postgresql"
UNPRIVILEGED = "nobody"
DATABASE = "calamari"
STARTUP_TIMEOUT = 30.0


class PostgresqlMissing(Exception):
    """Debian's package with the server is not installed."""


def main() -> int:
    """Run the command given on the command line; return its exit code."""
    if len(sys.argv) == 1:
        print(__doc__, file=sys.stderr)
        return 2
    return run_guarded(lambda guardian_died: _run(sys.argv[1:], guardian_died))


def _run(command: Sequence[str], guardian_died: int) -> int:
    with server() as url:
        process = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})
        _pass_on_signals(process)
        while process.poll() is None and not _is_closed(guardian_died):
            time.sleep(0.1)
        return 1 if process.returncode is None else process.returncode


@contextmanager
def server() -> Iterator[str]:
    """Start a server, and yield the DATABASE_URL of an empty database in it.

    Raises:
        PostgresqlMissing: see there.
        subprocess.CalledProcessError: the server did not start.
    """
    with tempfile.TemporaryDirectory(prefix="calamari-postgresql-") as name:
        folder = Path(name)
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
        data = folder / "data"
        _call("initdb", "--pgdata", str(data), "--username", DATABASE, "--auth", "trust", "--no-sync", "-E", "UTF8")
        arguments = [*_as_unprivileged(), _program("postgres"), "-D", str(data), "-k", str(folder), "-h", ""]
        # What a crash of the machine would lose, nobody would miss.
        arguments += ["-F", "-c", "log_min_messages=FATAL"]
        process = subprocess.Popen(arguments, env=plain(), start_new_session=True)
        try:
            _wait_until_ready(folder)
            _call("createdb", "-h", str(folder), "-U", DATABASE, DATABASE)
            yield f"postgresql://{DATABASE}@{str(folder).replace('/', '%2F')}/{DATABASE}"
        finally:
            # SIGINT: end all sessions and stop ("Shutting Down the Server" in PostgreSQL's manual).
            process.send_signal(signal.SIGINT)
            process.wait()


def _wait_until_ready(folder: Path) -> None:
    deadline = time.monotonic() + STARTUP_TIMEOUT
    while (
        subprocess.run(
            [_program("pg_isready"), "-q", "-h", str(folder), "-U", DATABASE, "-d", "postgres"], check=False
        ).returncode
        != 0
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f"PostgreSQL does not answer after {STARTUP_TIMEOUT:.0f} s")
        time.sleep(0.1)


def _call(program: str, *arguments: str) -> None:
    subprocess.run(
        [*_as_unprivileged(), _program(program), *arguments],
        env=plain(),
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )


def _as_unprivileged() -> list[str]:
    if os.getuid() != 0:
        return []
    return ["setpriv", f"--reuid={UNPRIVILEGED}", "--clear-groups", "--"]


def _program(name: str) -> str:
    found = sorted(Path(BINARIES).glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise PostgresqlMissing(f"{name} is not installed below {BINARIES}: see deploy/debian-packages.txt")
    return str(found[-1])


def _pass_on_signals(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: process.send_signal(received))


def _is_closed(guardian_died: int) -> bool:
    """Tell whether the guardian's end of the pipe is closed: nothing is ever written to it."""
    return bool(select.select([guardian_died], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main())

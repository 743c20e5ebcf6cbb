"""The home of one development cluster, in which one supervisor at a time may run, and where its clients find it."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from configuration import Settings


class HomeInUse(Exception):
    """Another supervisor runs in this home."""


class ForeignFolder(Exception):
    """A folder of the home belongs to somebody else, who could take the place of our processes."""


def lock(settings: Settings, patience: float = 1.0) -> IO[str]:
    """Make the home's folders and take its lock, which lasts as long as the returned file is open in any process.

    Args:
        settings: they name the home.
        patience: seconds to wait for it; clients take it for a moment to see whether somebody has it.

    Raises:
        HomeInUse, ForeignFolder: see there.
    """
    for folder in (settings.home, settings.run_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # It may lie in /tmp, where anybody could have made it first.
    if settings.run_dir.lstat().st_uid != os.getuid():
        raise ForeignFolder(f"{settings.run_dir} belongs to another user")
    settings.run_dir.chmod(0o700)
    file = (settings.home / "devcluster.lock").open("a+")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                raise HomeInUse(f"a development cluster is already running in {settings.home}") from None
            time.sleep(0.02)
        else:
            return file


def control_socket(settings: Settings) -> Path:
    """Return where the supervisor listens."""
    return settings.run_dir / "devcluster.sock"


def children_record(settings: Settings) -> Path:
    """Return the file in which the supervisor notes its children."""
    return settings.run_dir / "children.json"


def merged_log(settings: Settings) -> Path:
    """Return the file of the merged log."""
    return log_folder(settings) / "devcluster.log"


def log_folder(settings: Settings) -> Path:
    """Return the folder of all logs."""
    return settings.home / "log"

"""The merged log: one line per line that any process wrote, with its time and the process's name.

It goes to `$CALAMARI_HOME/log/devcluster.log`, and to the terminal in the foreground; each process also has a file of
its own, with everything it said. All of them are bounded in size.
"""

import contextlib
import datetime as dt
import logging
import logging.handlers
import sys
import zlib
from pathlib import Path
from typing import TextIO

LARGEST_FILE = 8 * 2**20
LARGEST_MERGED_FILE = 32 * 2**20
OWN_NAME = "devcluster"
NAME_WIDTH = 13
COLORS = (31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96)


class MergedLog:
    """Writes lines to the terminal (if any), the merged file and the process's own file."""

    def __init__(self, folder: Path, terminal: TextIO | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._own_files: dict[str, logging.Handler] = {}
        self._terminal = terminal
        self._merged = [_rotating(folder / f"{OWN_NAME}.log", LARGEST_MERGED_FILE)]
        if terminal is not None:
            shown = TerminalHandler(terminal)
            shown.setFormatter(LineFormatter(in_color=terminal.isatty()))
            self._merged.append(shown)

    def line(self, name: str, text: str, merged: str | None) -> None:
        """Write a line of the process `name`: `text` to its own file, `merged`, if any, to the merged log."""
        self._own_file(name).handle(_record(name, text))
        if merged is not None:
            for handler in self._merged:
                handler.handle(_record(name, merged))

    def say(self, text: str) -> None:
        """Write a line of the supervisor itself."""
        for handler in self._merged:
            handler.handle(_record(OWN_NAME, text))

    def tell_person(self, text: str) -> None:
        """Write to the terminal alone, what must not be kept in a file."""
        if self._terminal is not None:
            with contextlib.suppress(OSError, ValueError):
                print(text, file=self._terminal, flush=True)

    def _own_file(self, name: str) -> logging.Handler:
        if name not in self._own_files:
            self._own_files[name] = _rotating(self._folder / f"{name}.log", LARGEST_FILE)
        return self._own_files[name]


class LineFormatter(logging.Formatter):
    """`12:45:01.123 osd.0         | text`, the name in a color of its own on a terminal."""

    def __init__(self, *, in_color: bool = False) -> None:
        super().__init__()
        self._in_color = in_color

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for `record`, whose name is the process's."""
        time = dt.datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        name = f"{record.name:<{NAME_WIDTH}}"
        if self._in_color:
            color = COLORS[zlib.crc32(record.name.encode()) % len(COLORS)]
            name = f"\033[{color}m{name}\033[0m"
        return f"{time} {name} | {record.getMessage()}"


class TerminalHandler(logging.StreamHandler[TextIO]):
    """Writes to the terminal until it is gone: a closed window or pipe must not disturb the cluster."""

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802  (the name is logging's)
        """Write nothing from now on."""
        self.setLevel(sys.maxsize)


def _record(name: str, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "", 0, text, None, None)


def _rotating(path: Path, size: int) -> logging.Handler:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=size // 2, backupCount=1, encoding="utf-8")
    handler.setFormatter(LineFormatter())
    return handler

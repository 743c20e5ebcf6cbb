"""Read the Salt master's configuration, and refuse a Salt that the adapter was not made for."""

from pathlib import Path
from typing import Any

import salt.config
import salt.version

# Older series lack the driver for keys used here, and have known holes; 3008.3 is what requirements.in pins.
OLDEST_SALT = (3008, 3)


class UnsupportedSalt(Exception):
    """The installed Salt is too old, or its version cannot be told."""


def check_version(version: tuple[int, ...] | None = None) -> None:
    """Raise unless Salt is at least OLDEST_SALT.

    Args:
        version: what to check; the installed Salt's when None.

    Raises:
        UnsupportedSalt: with both versions in its message.
    """
    found = salt.version.__saltstack_version__.info if version is None else version
    if tuple(found[:2]) < OLDEST_SALT:
        oldest = ".".join(map(str, OLDEST_SALT))
        raise UnsupportedSalt(f"Salt {'.'.join(map(str, found))} is installed; Calamari needs {oldest} or later")


def master_options(master_configuration: Path) -> dict[str, Any]:
    """Return the options of the Salt master configured in a folder.

    Args:
        master_configuration: the folder, which holds the file `master`.

    Raises:
        UnsupportedSalt: see `check_version`.
        FileNotFoundError: there is no such file; Salt itself would silently take its defaults.
    """
    check_version()
    file = master_configuration / "master"
    if not file.is_file():
        raise FileNotFoundError(f"no Salt master is configured in {master_configuration}: {file} is missing")
    options: dict[str, Any] = salt.config.master_config(str(file))
    return options

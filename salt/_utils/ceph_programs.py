"""Where the programs for the node's own Python lie, and which processes still are the ones that were started.

Beside this file, whether it was found through `utils_dirs` or synced from the master's file server.
"""

from pathlib import Path


def path(name):
    """Return the absolute path of a program, such as `librados_change.py`."""
    return str(Path(__file__).with_name(name))


def birth(pid):
    """Return when a process started, in clock ticks since boot (field 22 of proc(5)'s stat), or None if it is gone.

    Together with the number it names one process for good, although the kernel uses numbers again.
    """
    try:
        return int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        )
    except (OSError, ValueError, IndexError):
        return None

"""Where the first administrator's password comes from: the settings, else a file that only its owner can read."""

import os
import secrets
from pathlib import Path


def read(file: Path) -> str | None:
    """Return the password kept in `file`, or None when there is none."""
    try:
        return file.read_text().strip() or None
    except FileNotFoundError:
        return None


def generate(file: Path) -> str:
    """Keep a new random password in `file` (mode 0600 from the first moment on) and return it."""
    password = secrets.token_urlsafe(15)
    file.parent.mkdir(parents=True, exist_ok=True)
    candidate = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(f"{password}\n")
        stream.flush()
        os.fsync(stream.fileno())
    candidate.replace(file)
    return password

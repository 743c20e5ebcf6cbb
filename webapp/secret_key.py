"""The key that signs sessions and CSRF tokens: made once per installation, kept in its home."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def secret_key(file: Path) -> str:
    """Return the key kept in `file`, creating the file with mode 0600 when it is not there.

    Several processes may start at once: each writes its own candidate, the first link wins and all read that one.

    Raises:
        OSError: the folder cannot be created or written.
        ValueError: the file is there but holds no key.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        candidate = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as stream:
                stream.write(secrets.token_urlsafe(64))
                stream.flush()
                os.fsync(stream.fileno())
            with suppress(FileExistsError):
                os.link(candidate, file)
        finally:
            candidate.unlink()
    key = file.read_text()
    if not key:
        raise ValueError(f"{file} is empty; remove it to get a new key, which ends all sessions")
    return key

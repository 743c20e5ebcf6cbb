"""Send jobs to nodes through the Salt master."""

import secrets
import threading
from pathlib import Path
from typing import Any

import salt.client
import salt.exceptions
import salt.utils.jid

from cthulhu.remote.port import RemoteUnavailable

TIMEOUT = 5


class Publisher:
    """Publishes jobs, each under an id that its caller chose and stored before.

    The client of the master is made when needed and thrown away after any failure: the key with which it proves who it
    is changes whenever the master starts. Safe to use from several threads, which then wait for each other.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        # Salt would repeat a request that was not answered, so that one call lasts several timeouts.
        self._options = {**options, "request_channel_tries": 1}
        self._lock = threading.Lock()
        self._client: salt.client.LocalClient | None = None
        self._key_changed: int | None = None

    def new_job_id(self) -> str:
        """Return a job id of Salt's form: the time, and a random part, since the clocks of two hosts may agree."""
        return f"{salt.utils.jid.gen_jid({})}_{secrets.token_hex(8)}"

    def publish(self, node: str, function: str, arguments: dict[str, Any], job_id: str) -> None:
        """Send one job and return when the master has taken it, within about TIMEOUT seconds.

        Keyword arguments travel as they are: only what is typed on Salt's command line is parsed as YAML.

        Raises:
            RemoteUnavailable: the master did not confirm it. Unless the message says that the node is unknown, the job
                may nevertheless be on its way.
        """
        with self._lock:
            try:
                answer = self._connected().pub(
                    [node], function, [{"__kwarg__": True, **arguments}], "list", jid=job_id, timeout=TIMEOUT
                )
            except Exception as error:  # noqa: BLE001  (Salt's transports raise what they like)
                self._drop_client()
                raise RemoteUnavailable(f"the salt-master did not take the job: {_explain(error)}") from None
            if not answer:
                self._drop_client()
                raise RemoteUnavailable("the salt-master did not take the job: it refused this user's key")
            if answer.get("jid") != job_id or node not in answer.get("minions", ()):
                raise RemoteUnavailable(f"the salt-master does not know the node {node}")

    def _connected(self) -> "salt.client.LocalClient":
        changed = self._key_file_changed()
        if self._client is None or changed != self._key_changed:
            self._drop_client()
            self._client = salt.client.LocalClient(mopts=dict(self._options))
            self._key_changed = changed
        return self._client

    def _key_file_changed(self) -> int | None:
        """Return when the newest of the master's keys for local users changed (nanoseconds), None if there is none."""
        times = [path.stat().st_mtime_ns for path in Path(self._options["cachedir"]).glob(".*_key")]
        return max(times, default=None)

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.destroy()


def _explain(error: Exception) -> str:
    """Return what happened, in one line; Salt raises SaltClientError without words when the master is not running."""
    if isinstance(error, salt.exceptions.SaltClientError) and not str(error):
        return "it is not running"
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"

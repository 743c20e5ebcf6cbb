"""Bring a node's messages onto the master's event bus over a connection of the watcher's own.

Not through `event.fire_master`, which hands them to the minion's main process: that sends one request after the other,
waits a minute for each answer that a restarted master will never give, and tells nobody what was lost. Here the watcher
knows within seconds whether the master took a message. The key, and so the node's identity, is the minion's.
"""

import logging
import time
from pathlib import Path

import salt.channel.client
import salt.minion

log = logging.getLogger(__name__)

PATIENCE = 3
RETRY = 0.5


class Messenger:
    """Sends to the one master of the minion's option `master`.

    Invariants: `channel` is None until it is needed, and again after any failure; after one, nothing is tried for RETRY
    seconds.
    """

    def __init__(self, opts):
        hurry = {"auth_timeout": PATIENCE, "auth_tries": 1, "auth_retries": 1, "acceptance_wait_time": 0}
        self.opts = {**opts, **hurry, "auth_safemode": False, "retry_dns": 0, "request_channel_tries": 1}
        self.channel = None
        self.not_before = 0.0

    def introduced(self):
        """Whether the minion itself has its key and knows its master: until then its main process negotiates."""
        pki = Path(self.opts["pki_dir"])
        return (pki / "minion.pem").exists() and (pki / "minion_master.pub").exists()

    def ready(self):
        """Whether a message would be tried at all: nothing should be fetched and signed that would be thrown away."""
        return time.monotonic() >= self.not_before

    def send(self, tag, data):
        """Send one event; return whether the master confirmed it.

        Args:
            tag: the event's tag.
            data: dict.
        """
        if not self.ready():
            return False
        load = {"id": self.opts["id"], "cmd": "_minion_event", "pretag": None, "tag": tag, "data": data}
        try:
            if self.channel is None:
                self.opts |= salt.minion.resolve_dns(self.opts, fallback=False)
                self.channel = salt.channel.client.ReqChannel.factory(self.opts)
            # The master answers an event that it took with None, and anything else with its reason.
            taken = self.channel.send(load, tries=1, timeout=PATIENCE) is None
        except Exception as error:  # noqa: BLE001  (Salt's transports raise what they like)
            log.debug("ceph_messenger: %s", error)
            taken = False
        if not taken:
            self._give_up()
        return taken

    def _give_up(self):
        channel, self.channel = self.channel, None
        self.not_before = time.monotonic() + RETRY
        if channel is not None:
            try:
                channel.close()
            except Exception as error:  # noqa: BLE001
                log.debug("ceph_messenger: closing: %s", error)


def messenger(opts):
    """Return a messenger for a minion with these options."""
    return Messenger(opts)

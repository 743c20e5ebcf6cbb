"""Minion keys: seen, accepted by fingerprint, rejected, deleted. No other code of the project touches them.

A key is accepted only by somebody who knows its fingerprint from the node itself (`salt-call --local key.finger` there,
or the file `minion.pub` that was put on it): whoever can reach the master can offer a key under any name.
Nothing here needs the master to run; it notices changes by itself. One caller at a time per master configuration.
"""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import salt.cache
import salt.key

from cthulhu.remote.salt.configuration import master_options

State = Literal["pending", "accepted", "rejected", "denied"]
FOLDERS: dict[State, str] = {
    "pending": "minions_pre",
    "accepted": "minions",
    "rejected": "minions_rejected",
    "denied": "minions_denied",
}


@dataclass(frozen=True)
class MinionKey:
    """A key that some minion offered. `denied`: another key is known under the same name."""

    minion: str
    state: State
    fingerprint: str


class KeyRefused(Exception):
    """The key is not there, or is not the one that was meant; nothing has changed."""


def fingerprint(public_key: str) -> str:
    """Return the fingerprint of a public key in PEM form, as `salt-call --local key.finger` shows it on the node.

    That is SHA-256 over the lines between the PEM's first and last one, as pairs of hex digits joined by colons. (The
    listing of `salt-key -F` hashes the whole PEM instead, so its values differ.)
    """
    lines = [line for line in public_key.replace("\r\n", "\n").splitlines(keepends=True) if line.strip()]
    digest = hashlib.sha256("".join(lines[1:-1]).encode()).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


def list_keys(master_configuration: Path) -> list[MinionKey]:
    """Return all keys the master knows, ordered by minion.

    Raises:
        FileNotFoundError, UnsupportedSalt: see `master_options`.
    """
    return _list_keys(master_options(master_configuration))


def accept(master_configuration: Path, minion: str, expected: str) -> None:
    """Accept a minion's key if its fingerprint is the expected one. Accepting it again changes nothing.

    Args:
        master_configuration: folder of the master's configuration.
        minion: the minion's id, taken literally.
        expected: the fingerprint, see `fingerprint`.

    Raises:
        KeyRefused: there is no such key, its fingerprint differs, or another key is accepted under that name: a node
            that was set up anew needs `delete` first.
    """
    options = master_options(master_configuration)
    key = _find(options, minion, expected, ("accepted", "pending", "rejected"))
    if key.state == "accepted":
        return
    with salt.key.Key(options) as store:
        store.accept(match_dict={FOLDERS[key.state]: [minion]}, include_rejected=True)
    accepted = _find(options, minion, None, ("accepted",))
    # The store is changed by the master too: another key may have come under this name since it was compared.
    if not hmac.compare_digest(accepted.fingerprint, key.fingerprint):
        delete(master_configuration, minion)
        raise KeyRefused(f"the key of {minion} changed while it was being accepted")


def reject(master_configuration: Path, minion: str, expected: str) -> None:
    """Reject a minion's pending or accepted key if its fingerprint is the expected one.

    Raises:
        KeyRefused: there is no such key or its fingerprint differs.
    """
    options = master_options(master_configuration)
    key = _find(options, minion, expected, ("pending", "accepted", "rejected"))
    if key.state != "rejected":
        with salt.key.Key(options) as store:
            store.reject(match_dict={FOLDERS[key.state]: [minion]}, include_accepted=True)


def delete(master_configuration: Path, minion: str) -> None:
    """Forget every key offered under a minion's name, so that a node set up anew can offer its new one."""
    options = master_options(master_configuration)
    found = {FOLDERS[key.state]: [minion] for key in _list_keys(options) if key.minion == minion}
    if found:
        with salt.key.Key(options) as store:
            store.delete_key(match_dict=found)


def _find(options: dict[str, Any], minion: str, expected: str | None, states: tuple[State, ...]) -> MinionKey:
    """Return the minion's key in one of the states; with `expected`, only if that is its fingerprint."""
    found = [key for key in _list_keys(options) if key.minion == minion and key.state in states]
    if not found:
        raise KeyRefused(f"{minion} has offered no key")
    key = found[0]
    if expected is not None and not hmac.compare_digest(key.fingerprint, expected.strip().lower()):
        raise KeyRefused(f"the {key.state} key of {minion} has the fingerprint {key.fingerprint}, not {expected}")
    return key


def _list_keys(options: dict[str, Any]) -> list[MinionKey]:
    store = salt.cache.Cache(options, driver=options["keys.cache_driver"])
    keys = []
    for minion in store.list("keys"):
        record = store.fetch("keys", minion)
        if record:
            keys.append(MinionKey(minion, record["state"], fingerprint(record["pub"])))
    for minion in store.list("denied_keys"):
        keys.extend(MinionKey(minion, "denied", fingerprint(pem)) for pem in store.fetch("denied_keys", minion) or [])
    return sorted(keys, key=lambda key: (key.minion, key.state, key.fingerprint))

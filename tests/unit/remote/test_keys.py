"""Minion keys, on a master's folders without a running master."""

import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from salt.utils.crypt import pem_finger

from cthulhu.remote.salt import keys
from cthulhu.remote.salt.configuration import UnsupportedSalt, check_version
from cthulhu.remote.salt.keys import KeyRefused, MinionKey


def new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


KEY, OTHER = new_key(), new_key()


@pytest.fixture
def master(tmp_path: Path) -> Path:
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    options = {"user": user, "root_dir": str(tmp_path), "pki_dir": str(tmp_path / "pki")}
    folders = {"cachedir": str(tmp_path / "cache"), "sock_dir": str(tmp_path / "sock")}
    (tmp_path / "master").write_text(json.dumps(options | folders))
    for name in ("pki", "cache"):
        (tmp_path / name).mkdir()
    return tmp_path


def offer(master: Path, minion: str, key: str, folder: str = "minions_pre") -> None:
    file = master / "pki" / folder / minion
    file.parent.mkdir(exist_ok=True)
    file.write_text(key)


def states(master: Path) -> dict[str, str]:
    return {key.minion: key.state for key in keys.list_keys(master)}


def test_keys_are_listed_with_their_fingerprints(master: Path) -> None:
    offer(master, "b", OTHER, "minions")
    offer(master, "a", KEY)
    offer(master, "b", KEY, "minions_denied")

    assert keys.list_keys(master) == [
        MinionKey("a", "pending", keys.fingerprint(KEY)),
        MinionKey("b", "accepted", keys.fingerprint(OTHER)),
        MinionKey("b", "denied", keys.fingerprint(KEY)),
    ]


def test_the_fingerprint_is_the_one_that_the_node_shows(tmp_path: Path) -> None:
    """Compared with `salt-call --local key.finger`, which people read out on the node."""
    file = tmp_path / "minion.pub"
    file.write_text(KEY)
    assert keys.fingerprint(KEY) == pem_finger(str(file), sum_type="sha256")
    assert keys.fingerprint(KEY.replace("\n", "\r\n")) == keys.fingerprint(KEY)


def test_a_key_is_accepted_by_its_fingerprint_once_and_again(master: Path) -> None:
    offer(master, "a", KEY)
    for _ in range(2):
        keys.accept(master, "a", keys.fingerprint(KEY))
        assert states(master) == {"a": "accepted"}


def test_another_key_than_the_expected_one_is_refused(master: Path) -> None:
    offer(master, "a", KEY)
    with pytest.raises(KeyRefused, match="fingerprint"):
        keys.accept(master, "a", keys.fingerprint(OTHER))

    assert states(master) == {"a": "pending"}


def test_a_name_is_no_pattern(master: Path) -> None:
    offer(master, "abc", KEY)
    for name in ("*", "a*", "a,abc", ""):
        with pytest.raises(KeyRefused):
            keys.accept(master, name, keys.fingerprint(KEY))
        keys.delete(master, name)

    assert states(master) == {"abc": "pending"}


def test_a_node_set_up_anew_is_accepted_after_its_old_key_was_deleted(master: Path) -> None:
    offer(master, "a", KEY, "minions")
    offer(master, "a", OTHER, "minions_denied")
    with pytest.raises(KeyRefused):
        keys.accept(master, "a", keys.fingerprint(OTHER))
    keys.delete(master, "a")
    assert states(master) == {}

    offer(master, "a", OTHER)
    keys.accept(master, "a", keys.fingerprint(OTHER))
    assert states(master) == {"a": "accepted"}


def test_a_key_is_rejected_by_its_fingerprint(master: Path) -> None:
    offer(master, "a", KEY)
    offer(master, "b", OTHER, "minions")
    with pytest.raises(KeyRefused):
        keys.reject(master, "a", keys.fingerprint(OTHER))
    keys.reject(master, "a", keys.fingerprint(KEY))
    keys.reject(master, "b", keys.fingerprint(OTHER))

    assert states(master) == {"a": "rejected", "b": "rejected"}


def test_deleting_what_is_not_there_changes_nothing(master: Path) -> None:
    keys.delete(master, "a")
    assert states(master) == {}


def test_an_unconfigured_master_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no Salt master is configured"):
        keys.list_keys(tmp_path)


@pytest.mark.parametrize("version", [(3007, 4), (3008, 2), (3008,), (3006, 9)])
def test_an_old_salt_is_refused(version: tuple[int, ...]) -> None:
    with pytest.raises(UnsupportedSalt, match=r"needs 3008\.3"):
        check_version(version)


@pytest.mark.parametrize("version", [(3008, 3), (3008, 4), (3009, 0)])
def test_a_recent_salt_is_welcome(version: tuple[int, ...]) -> None:
    check_version(version)
    check_version()

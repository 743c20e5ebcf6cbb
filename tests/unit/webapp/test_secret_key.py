"""The secret key: made once, private, the same for all who start at the same time."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from webapp.secret_key import secret_key


def test_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "home" / "secret-key"
    key = secret_key(file)
    assert len(key) >= 50
    assert secret_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["secret-key"]


def test_is_the_same_for_all_who_start_together(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        keys = set(pool.map(secret_key, [tmp_path / "secret-key"] * 16))
    assert len(keys) == 1


def test_an_empty_file_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "secret-key"
    file.touch()
    with pytest.raises(ValueError, match="secret-key"):
        secret_key(file)

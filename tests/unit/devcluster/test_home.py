"""One supervisor per home, and nobody else's folders."""

import os
import stat
from pathlib import Path

import pytest

from configuration import Settings
from devcluster import home


def test_one_at_a_time(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with home.lock(settings):
        with pytest.raises(home.HomeInUse, match="already running"):
            home.lock(settings, patience=0)
        assert stat.S_IMODE(settings.run_dir.stat().st_mode) == 0o700
    home.lock(settings, patience=0).close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_foreign_folder_is_not_used(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.run_dir.mkdir(parents=True)
    os.chown(settings.run_dir, 65534, -1)
    with pytest.raises(home.ForeignFolder, match="another user"):
        home.lock(settings)


def test_socket_paths_of_long_homes_are_short_enough(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / ("long" * 30))
    # Unix sockets' paths hold 107 bytes; Salt's are the longest.
    longest = settings.run_dir / "node10" / "minion_event_0123456789_pull.ipc"
    assert len(os.fsencode(longest)) <= 107

"""One real cluster and one real Salt for all tests of the folder; unit tests beside them ask for neither."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cthulhu.remote.salt.remote import SaltRemote
from tests.salt.listener import Listener
from tests.salt.small_ceph import SmallCeph
from tests.salt.small_salt import SmallSalt

WRITE = ", ".join(["allow r", *(f'allow command "osd {verb}"' for verb in ("out", "in", "down", "reweight"))])
SCRUB = ", ".join(f'allow command "osd {verb}"' for verb in ("scrub", "deep-scrub", "repair"))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder with a name short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="calamari-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(folder: Path) -> Iterator[SmallCeph]:
    ceph = SmallCeph(folder / "ceph")
    try:
        ceph.start()
        yield ceph
    finally:
        ceph.stop()


@pytest.fixture(scope="session")
def salt_master(folder: Path, cluster: SmallCeph) -> Iterator[SmallSalt]:
    options = {
        "conf": str(cluster.conf),
        "cluster": "ceph",
        "run_dir": str(cluster.folder),
        "read_name": "client.calamari",
        "read_keyring": str(cluster.identity("client.calamari", mon="allow r", mgr="allow r")),
        "write_name": "client.calamari-write",
        "write_keyring": str(cluster.identity("client.calamari-write", mon=WRITE, mgr=SCRUB)),
    }
    salt = SmallSalt(folder / "salt", {"node1": options, "node2": options | {"run_dir": str(folder)}})
    try:
        salt.start()
        yield salt
    finally:
        salt.stop()


@pytest.fixture(scope="session")
def remote(salt_master: SmallSalt) -> SaltRemote:
    return SaltRemote(salt_master.master_configuration)


@pytest.fixture(scope="session")
def nodes(remote: SaltRemote) -> Listener:
    """The nodes, both heard of."""
    listener = Listener(remote)
    for name in ("node1", "node2"):
        listener.heartbeat(name, lambda heartbeat: heartbeat.connected, seconds=90)
    return listener

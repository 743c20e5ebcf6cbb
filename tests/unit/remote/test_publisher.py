"""Job ids, and what a caller meets when there is no master."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import salt.utils.jid

from cthulhu.remote.port import RemoteUnavailable
from cthulhu.remote.salt.remote import SaltRemote


@pytest.fixture
def remote(tmp_path: Path) -> SaltRemote:
    (tmp_path / "master").write_text(f"root_dir: {tmp_path}\nsock_dir: {tmp_path}/sock\ncachedir: {tmp_path}/cache\n")
    return SaltRemote(tmp_path)


def test_job_ids_are_salt_s_and_unique(remote: SaltRemote) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: remote.new_job_id(), range(5000)))

    assert len(set(ids)) == 5000
    assert all(salt.utils.jid.is_jid(job_id) for job_id in ids)


def test_without_a_master_it_says_so_at_once(remote: SaltRemote) -> None:
    began = time.monotonic()
    with pytest.raises(RemoteUnavailable, match="it is not running"):
        remote.publish("node1", "ceph.watch", {}, remote.new_job_id())

    assert time.monotonic() - began < 2

"""The files that Ceph and Salt read."""

import configparser
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from configuration import Settings
from cthulhu.requests.capabilities import write_capabilities
from devcluster.ceph_configuration import WRITE_NAME, CephPaths, write_configuration, write_keyrings
from devcluster.environment import of_calamari, plain
from devcluster.plan import Plan, Shape
from devcluster.salt import SaltCluster

PLAN = Plan(Shape(nodes=2, osds_per_node=1, mons=1), "5d0ba7c6", ((21000, 21001),), 21002, 21003)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def paths(settings: Settings) -> CephPaths:
    found = CephPaths.of(settings)
    write_configuration(PLAN, found)
    write_keyrings(PLAN, found)
    return found


def read_conf(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(path)
    return parser


def test_ceph_conf(paths: CephPaths) -> None:
    conf = read_conf(paths.conf)
    assert conf["global"]["mon_host"] == "[v2:127.0.0.1:21000,v1:127.0.0.1:21001]"
    assert conf["client.admin"]["keyring"] == str(paths.admin_keyring)
    assert conf["osd.1"]["crush_location"] == "root=default host=node2"
    assert conf["osd.1"]["admin_socket"].startswith(str(paths.run_dir / "node2"))


def test_no_node_holds_the_administrators_key(paths: CephPaths) -> None:
    secret = read_conf(paths.admin_keyring)["client.admin"]["key"]
    for node in PLAN.nodes:
        files = list(paths.node_folder(node).iterdir())
        assert {file.name for file in files} == {
            "ceph.conf",
            "ceph.client.calamari.keyring",
            "ceph.client.calamari-write.keyring",
        }
        assert not any(secret in file.read_text() or "client.admin" in file.read_text() for file in files)


def test_keyrings_are_secret(paths: CephPaths) -> None:
    keyrings = list(paths.folder.rglob("*keyring"))
    assert len(keyrings) == 2 + 2 * 2 + 4
    assert {stat.S_IMODE(file.stat().st_mode) for file in keyrings} == {0o600}


@pytest.mark.skipif(shutil.which("ceph-authtool") is None, reason="needs Debian's ceph-common")
def test_ceph_reads_the_capabilities_as_they_were_meant(paths: CephPaths) -> None:
    listed = subprocess.run(
        ["ceph-authtool", "-l", str(paths.initial_keyring), "-n", WRITE_NAME],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for daemon_type, granted in write_capabilities().items():
        quoted = granted.replace('"', '\\"')
        assert f'caps {daemon_type} = "{quoted}"' in listed


def test_salt_accepts_nobody_by_itself_and_minions_know_their_master(settings: Settings) -> None:
    salt = SaltCluster(settings, PLAN)
    salt.prepare()
    master = json.loads((salt.master_folder / "master").read_text())
    assert master["auto_accept"] is False
    assert master["interface"] == "127.0.0.1"
    minion = json.loads((salt.minion_folder(PLAN.nodes[1]) / "minion").read_text())
    assert minion["id"] == "node2"
    assert minion["master_finger"].count(":") == 31
    assert minion["whitelist_modules"] == ["ceph"]
    assert stat.S_IMODE((salt.master_folder / "pki" / "master.pem").stat().st_mode) == 0o400
    public = (salt.master_folder / "pki" / "master.pub").read_text()
    salt.prepare()
    assert (salt.master_folder / "pki" / "master.pub").read_text() == public


def test_passwords_reach_no_child(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALAMARI_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("CALAMARI_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("CONTAINER_NAME", "leaked")
    assert "secret" not in of_calamari(settings).values()
    assert of_calamari(settings)["CALAMARI_LOG_LEVEL"] == "DEBUG"
    assert "CONTAINER_NAME" not in of_calamari(settings)
    assert not any(name.startswith(("CALAMARI_", "DATABASE_", "REDIS_")) for name in plain())

"""The version vector: what is published is read, by other processes too, and nothing makes a reader fail."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cthulhu.rpc.types import ClusterVersions, VersionState
from cthulhu.rpc.version_vector import VersionVectorReader, VersionVectorWriter


def state(sequence: int = 1, *, generation: str = "g1", heartbeat: float = 100.0, clusters: int = 1) -> VersionState:
    return VersionState(
        generation=generation,
        sequence=sequence,
        heartbeat=heartbeat,
        clusters={
            f"fsid-{number}": ClusterVersions(
                name="ceph", contact=99.5, connected=True, objects={"osd": f"v{sequence}"}, maps={"osd_map": "7"}
            )
            for number in range(clusters)
        },
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "versions"


@pytest.fixture
def writer(path: Path):
    writer = VersionVectorWriter(path)
    yield writer
    writer.close()


@pytest.fixture
def reader(path: Path) -> VersionVectorReader:
    return VersionVectorReader(path)


def test_nothing_is_there_before_the_first_publication(path):
    reader = VersionVectorReader(path)
    assert reader.read() is None
    writer = VersionVectorWriter(path)
    assert reader.read() is None
    writer.beat(5.0)
    assert reader.read() is None
    writer.publish(state())
    assert reader.read() == state()
    writer.close()


def test_each_publication_is_seen(writer, reader):
    for sequence in range(1, 10):
        writer.publish(state(sequence, heartbeat=float(sequence)))
        assert reader.read() == state(sequence, heartbeat=float(sequence))


def test_what_did_not_move_is_not_parsed_again(writer, reader):
    writer.publish(state())
    assert reader.read() is reader.read()


def test_a_beat_moves_the_heartbeat_alone(writer, reader):
    writer.publish(state())
    before = reader.read()
    writer.beat(101.0)
    after = reader.read()
    assert after == state(heartbeat=101.0)
    assert after.clusters is before.clusters
    writer.publish(state(2, heartbeat=102.0))
    assert reader.read() == state(2, heartbeat=102.0)


def test_the_file_is_not_for_everybody(writer, path):
    assert path.stat().st_mode & 0o007 == 0


def test_a_new_cthulhu_is_noticed(writer, reader, path):
    writer.publish(state(50))
    assert reader.read().sequence == 50
    successor = VersionVectorWriter(path)
    assert reader.read() is None
    successor.publish(state(1, generation="g2"))
    assert reader.read() == state(1, generation="g2")
    writer.publish(state(51))
    assert reader.read() == state(1, generation="g2")
    assert [item.name for item in path.parent.iterdir()] == ["versions"]
    successor.close()


def test_a_vector_outgrows_its_file(writer, reader):
    for clusters in (1, 2000, 1, 5000):
        writer.publish(state(clusters, clusters=clusters))
        assert reader.read() == state(clusters, clusters=clusters)
        writer.beat(200.0)
        assert reader.read().heartbeat == 200.0


def test_a_vector_has_a_largest_size(writer, reader):
    writer.publish(state())
    with pytest.raises(ValueError, match="a version vector of"):
        writer.publish(state().model_copy(update={"generation": "g" * 2**26}))
    assert reader.read() == state()
    writer.publish(state(2))
    assert reader.read() == state(2)


def test_the_file_remains_when_the_writer_is_gone(path, reader):
    writer = VersionVectorWriter(path)
    writer.publish(state())
    writer.close()
    assert reader.read() == state()
    path.unlink()
    assert reader.read() is None


def test_a_reader_closes_the_files_it_left(writer, path):
    reader = VersionVectorReader(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        successor = VersionVectorWriter(path)
        successor.publish(state())
        assert reader.read() == state()
        successor.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.parametrize("size", [0, 1, 8, 39, 40, 4096, 4100, 4112, 4113, 4200, 2**16 + 4100])
def test_a_truncated_file_is_no_vector_until_the_next_one(path, size):
    with_cache = VersionVectorReader(path)
    writer = VersionVectorWriter(path)
    writer.publish(state(1))
    writer.publish(state(2))
    writer.publish(state(3))
    assert with_cache.read() == state(3)
    os.truncate(path, size)
    # The third state lies in the second slot.
    assert VersionVectorReader(path).read() is None
    with_cache.read()
    successor = VersionVectorWriter(path)
    successor.publish(state(4))
    assert with_cache.read() == VersionVectorReader(path).read() == state(4)
    writer.close()
    successor.close()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=300), at=st.integers(0, 4600))
def test_garbage_in_the_file_never_raises(path, garbage, at):
    writer = VersionVectorWriter(path)
    writer.publish(state(2))
    writer.publish(state(3))
    cached = VersionVectorReader(path)
    cached.read()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(garbage)
    for reader in (VersionVectorReader(path), cached):
        found = reader.read()
        assert found is None or (found.generation, found.clusters) in (
            ("g1", state(2).clusters),
            ("g1", state(3).clusters),
        )
    writer.close()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100))
def test_any_file_may_be_there(path, content):
    path.write_bytes(content)
    assert VersionVectorReader(path).read() is None


def test_a_damaged_slot_is_not_believed(writer, path):
    writer.publish(state(1))
    content = bytearray(path.read_bytes())
    at = content.index(b'"v1"') + 2
    content[at : at + 1] = b"2"
    path.write_bytes(bytes(content))
    assert VersionVectorReader(path).read() is None


def test_other_kinds_of_file_are_no_vector(path):
    path.mkdir()
    assert VersionVectorReader(path).read() is None
    path.rmdir()
    os.mkfifo(path)
    assert VersionVectorReader(path).read() is None


def consistent(found: VersionState) -> bool:
    versions = {cluster.objects["osd"] for cluster in found.clusters.values()}
    return versions == {f"v{found.sequence}"} and found.heartbeat >= found.sequence


def hammer(path: Path) -> int:
    """Read until enough moves were seen; return 0 if every state was whole and none older than the one before."""
    reader, newest, moves, give_up = VersionVectorReader(path), 0, 0, time.monotonic() + 60
    while moves < 100:
        found = reader.read()
        if found is None or not consistent(found) or found.sequence < newest:
            return 1
        if time.monotonic() > give_up:
            return 2
        moves += found.sequence > newest
        newest = found.sequence
    return 0


def test_readers_in_other_processes_never_see_half_a_state(writer, path):
    writer.publish(state(1, heartbeat=1.0, clusters=1))
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(hammer(path))
        children.append(child)
    sequence, codes = 1, []
    while children:
        sequence += 1
        # Sizes change, and now and then exceed the slot, so that the file is replaced in between.
        writer.publish(
            state(sequence, heartbeat=float(sequence), clusters=800 if sequence == 200 else sequence % 7 + 1)
        )
        writer.beat(float(sequence + 1))
        for child in list(children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                children.remove(child)
                codes.append(os.waitstatus_to_exitcode(status))
    assert codes == [0, 0, 0]


def test_an_unchanged_vector_is_not_parsed_again(writer, reader):
    writer.publish(state(clusters=20))
    assert reader.read() is reader.read()

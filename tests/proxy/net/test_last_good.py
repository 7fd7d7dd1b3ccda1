"""The last-good files: the newest readable document, and the one before when that is torn."""

from pathlib import Path

import pytest

from proxy.net.last_good import LastGood
from proxy.snapshot import HealthStatus, HealthTable, HealthVersion, Snapshot


def snapshot(version: int, name: str = "lb-1") -> Snapshot:
    return Snapshot(name, version, "127.0.0.1", (), ())


def save(store: LastGood, *snapshots: Snapshot) -> None:
    for each in snapshots:
        store.save_snapshot(each.load_balancer, each.to_json())


@pytest.fixture
def store(tmp_path) -> LastGood:
    return LastGood(tmp_path)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "snapshots" / "lb-1.json"


def test_newest_is_read(store):
    save(store, snapshot(1), snapshot(2), snapshot(7, "lb-2"))
    assert list(store.snapshots()) == [snapshot(2), snapshot(7, "lb-2")]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":3'))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [cut, spoil, empty, lose])
def test_torn_file_is_refused_and_the_one_before_is_used(store, path, damage):
    """Fault plan: a torn last-good file costs one version, not the start."""
    save(store, snapshot(1), snapshot(2))
    damage(path)
    assert list(store.snapshots()) == [snapshot(1)]


def test_torn_file_never_becomes_the_one_before(store, path):
    save(store, snapshot(1), snapshot(2))
    cut(path)
    save(store, snapshot(3))
    cut(path)
    assert list(store.snapshots()) == [snapshot(1)]


def test_saving_the_same_again_keeps_the_one_before(store, path):
    save(store, snapshot(1), snapshot(2), snapshot(2))
    cut(path)
    assert list(store.snapshots()) == [snapshot(1)]


def test_document_of_another_time_is_refused(store, path):
    """A readable file whose content is no valid snapshot does not stop the start either."""
    store.save_snapshot("lb-1", '{"schema": 99}')
    save(store, snapshot(4, "lb-2"))
    assert list(store.snapshots()) == [snapshot(4, "lb-2")]


def test_leftover_of_an_interrupted_write_is_not_read(store, path):
    save(store, snapshot(1))
    path.with_name("lb-1.json.new").write_text("half")
    path.with_name("lb-9.json.new").write_text("half")
    assert list(store.snapshots()) == [snapshot(1)]


def test_removed_one_does_not_come_back(store, path):
    save(store, snapshot(1), snapshot(2))
    store.remove_snapshot("lb-1")
    store.remove_snapshot("lb-1")
    assert list(store.snapshots()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".", "..", "ä b"])
def test_any_name_stays_inside_the_directory(store, tmp_path, name):
    save(store, snapshot(1, name))
    assert list(store.snapshots()) == [snapshot(1, name)]
    assert {each.parent for each in tmp_path.rglob("*.json")} == {tmp_path / "snapshots"}


def test_health_is_kept_by_shard(store):
    tables = [
        HealthTable(shard, HealthVersion(3, shard), {"p": status})
        for shard, status in enumerate(HealthStatus)
    ]
    for table in tables:
        store.save_health(table)
    assert list(store.health()) == tables

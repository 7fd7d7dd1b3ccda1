"""Rotation of the access log: by size, a number of old files, and beside other programs."""

import os
from pathlib import Path

import pytest

from proxy.net.log_rotation import LogRotation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def files(path: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in path.parent.iterdir()}


def test_full_file_is_renamed_and_so_many_old_ones_stay(path):
    rotation = LogRotation(path, max_bytes=3, kept=2)
    for text in ("one", "two", "three", "four"):
        path.write_text(text)
        assert rotation.check()
        assert not rotation.check()
    assert files(path) == {"access.log.1": "four", "access.log.2": "three"}


def test_file_that_has_room_stays(path):
    rotation = LogRotation(path, max_bytes=4, kept=2)
    path.write_text("one")
    assert not rotation.check()
    assert files(path) == {"access.log": "one"}


def test_without_a_limit_nothing_is_renamed(path):
    path.write_text("much" * 1000)
    assert not LogRotation(path, max_bytes=0, kept=2).check()
    assert list(files(path)) == ["access.log"]


@pytest.mark.parametrize("creates", [True, False])
def test_file_that_another_program_renamed_or_removed_is_noticed_once(path, creates):
    rotation = LogRotation(path, max_bytes=0, kept=2)
    path.write_text("one")
    assert not rotation.check()
    path.rename(path.with_name("old"))
    if creates:
        path.write_text("two")
    assert rotation.check()
    assert not rotation.check()


def test_only_regular_files_are_renamed(path):
    path.symlink_to("/dev/null")
    assert not LogRotation(path, max_bytes=1, kept=2).check()
    os.unlink(path)
    os.mkfifo(path)
    assert not LogRotation(path, max_bytes=1, kept=2).check()


def test_two_nodes_with_one_file_rotate_it_once(path):
    one, two = (LogRotation(path, max_bytes=3, kept=3) for _ in range(2))
    path.write_text("one")
    found = path.stat()
    assert one.check()
    path.write_text("new")
    assert not two._rotate(found), "what it saw as full has been renamed by the other"
    assert files(path) == {"access.log.1": "one", "access.log": "new"}


def test_directory_that_cannot_be_changed_is_said_once(path, caplog):
    """A directory stands where the old file would go."""
    path.write_text("one")
    (path.with_name("access.log.1")).mkdir()
    (path.with_name("access.log.1") / "x").touch()
    rotation = LogRotation(path, max_bytes=3, kept=1)
    assert not rotation.check()
    assert not rotation.check()
    assert [record.message for record in caplog.records] == ["the access log cannot be rotated"]

"""The embedded database: writers wait for each other, and stand in nobody's way meanwhile."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connections

from console.sqlite.base import FIRST_PAUSE_S, LAST_PAUSE_S, DatabaseWrapper, pause

INSERT = "INSERT INTO numbers VALUES (1)"
WAIT_S = 30.0


@pytest.fixture(autouse=True)
def own_databases_only(django_db_blocker) -> Iterator[None]:
    """Let these tests open databases of their own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database with one table."""
    path = tmp_path / "numbers.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE numbers (number)")
    connection.close()
    return path


@pytest.fixture
def holder(path: Path) -> Iterator[sqlite3.Connection]:
    """Return a writer in the middle of its transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def connect(path: Path, patience_s: float) -> DatabaseWrapper:
    options = {"timeout": patience_s, "transaction_mode": "IMMEDIATE"}
    settings = connections["default"].settings_dict | {"NAME": str(path), "OPTIONS": options}
    return DatabaseWrapper(settings)


class Writer(threading.Thread):
    """Writes one row in a thread of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self.has_tried = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        """Connect, say so, and write."""
        database = connect(self._path, WAIT_S)
        try:
            database.ensure_connection()
            self.has_tried.set()
            with database.cursor() as cursor:
                cursor.execute(INSERT)
        except Exception as error:
            self.error = error
        finally:
            database.close()


def test_writer_gets_its_turn_when_the_lock_is_free_again(path, holder):
    writer = Writer(path)
    writer.start()
    assert writer.has_tried.wait(WAIT_S)
    writer.join(0.2)
    assert writer.is_alive()
    holder.execute("COMMIT")
    writer.join(WAIT_S)
    assert writer.error is None
    assert holder.execute("SELECT count(*) FROM numbers").fetchone() == (1,)


def test_writer_gives_up_after_its_patience(path, holder):  # reliability.md, fault 8
    database = connect(path, patience_s=0.2)
    with pytest.raises(OperationalError, match="locked"), database.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
    database.close()


def test_a_refused_statement_is_not_tried_again(path):
    database = connect(path, WAIT_S)
    with pytest.raises(OperationalError, match="no such table"), database.cursor() as cursor:
        cursor.execute("SELECT * FROM letters")
    database.close()


def test_nothing_waits_inside_of_sqlite(path):
    """A wait there holds a mutex that freeing an old cursor in another thread needs."""
    database = connect(path, WAIT_S)
    with database.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (0,)
    database.close()


def test_who_has_waited_longer_asks_more_often():
    pauses = [pause(waited_s) for waited_s in (0.0, 0.3, 0.6, 2.0, 60.0)]
    assert pauses == sorted(pauses, reverse=True)
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE_S, LAST_PAUSE_S)

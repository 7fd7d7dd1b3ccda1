"""Django's SQLite, whose writers wait for each other outside of SQLite.

A statement that waits inside of SQLite holds its connection's mutex. Python frees cursors of one
thread in another, whenever it collects garbage, and needs that mutex to do it: a thread inside a
transaction would stand still until the one that waits for its end gives up. SQLite also asks ever
more seldom for a lock that it does not get, so under many short writes those that come last are
served first. Here a statement that finds the database locked comes back at once and is tried
again; who has waited longer asks more often.
"""

import sqlite3
import time
from typing import Any, Final

from django.db.backends.sqlite3 import base

FIRST_PAUSE_S: Final = 0.016
LAST_PAUSE_S: Final = 0.004
SHORTER_EACH_SECOND_S: Final = 0.012


class PatientCursor(base.SQLiteCursorWrapper):
    """Tries a statement again while the database is locked, until its patience ends."""

    def __init__(self, connection: sqlite3.Connection, patience_s: float) -> None:
        super().__init__(connection)
        self._patience_s = patience_s

    def execute(self, query: str, params: Any = None) -> Any:
        """Run one statement; raise what SQLite says when others had the lock for too long."""
        began = time.monotonic()
        while True:
            try:
                return super().execute(query, params)
            except sqlite3.OperationalError as error:
                waited_s = time.monotonic() - began
                if not _is_busy(error) or waited_s >= self._patience_s:
                    raise
            time.sleep(pause(waited_s))


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to SQLite that never waits inside of it."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Return a connection that has waited its last time when it stands."""
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def create_cursor(self, name: str | None = None) -> PatientCursor:
        """Return a cursor that waits as long as the settings say."""
        patience_s = float(self.settings_dict["OPTIONS"].get("timeout", 5.0))
        cursor: PatientCursor = self.connection.cursor(
            lambda connection: PatientCursor(connection, patience_s)
        )
        return cursor


def pause(waited_s: float) -> float:
    """Return how long a statement sleeps until it is tried again, in seconds."""
    return max(LAST_PAUSE_S, FIRST_PAUSE_S - SHORTER_EACH_SECOND_S * waited_s)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY

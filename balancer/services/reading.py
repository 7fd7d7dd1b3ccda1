"""Reads that belong together and need no lock that keeps writers waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import transaction

READS_ONLY: Final = "DEFERRED"


@contextmanager
def read_at_one_moment() -> Iterator[None]:
    """Run reads in a transaction; what they find belongs together when the first row is locked.

    On SQLite a transaction that only reads sees one state of all rows without any lock. Every
    other one there keeps all writers out, which is too much for reads that take long.
    """
    connection: Any = transaction.get_connection()
    connection.ensure_connection()  # which sets the mode anew
    mode = getattr(connection, "transaction_mode", None)
    if connection.vendor == "sqlite":
        connection.transaction_mode = READS_ONLY
    try:
        with transaction.atomic():
            yield
    finally:
        if connection.vendor == "sqlite":
            connection.transaction_mode = mode

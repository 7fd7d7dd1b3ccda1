"""Reads that belong together: one state of all rows, and no writer waits for them on SQLite."""

import pytest
from django.db import connection

from balancer.models import Region
from balancer.services.reading import read_at_one_moment
from tests.balancer.races import at_once

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.mark.parametrize("is_open", [True, False])
def test_writers_go_on_while_somebody_reads(is_open):
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has a lock of the whole database that writers could wait for")
    connection.ensure_connection()
    if not is_open:
        connection.close()
    with read_at_one_moment():
        assert Region.objects.count() == 0
        at_once(lambda: Region.objects.create(public_id="cn-test", name="Test"))
        assert Region.objects.count() == 0
    assert Region.objects.count() == 1


def test_writes_take_the_lock_again_afterwards():
    connection.close()
    with read_at_one_moment():
        Region.objects.count()
    assert getattr(connection, "transaction_mode", "IMMEDIATE") == "IMMEDIATE"

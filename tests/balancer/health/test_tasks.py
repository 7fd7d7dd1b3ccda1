"""Celery hands out the shards and passes them on."""

import pytest

from balancer import feed
from balancer.health.leases import lease_key
from balancer.tasks import health as tasks
from proxy.snapshot import HealthStatus, HealthTable, HealthVersion


@pytest.fixture
def queued(monkeypatch):
    """Return the turns that are sent to the broker."""
    sent = []
    monkeypatch.setattr(
        tasks.check_shard, "apply_async", lambda arguments, **options: sent.append(arguments)
    )
    return sent


@pytest.fixture(autouse=True)
def _not_stopping():
    tasks.STOPPING.clear()
    yield
    tasks.STOPPING.clear()


def test_shards_without_an_owner_are_offered(broker, queued, transactional_db, settings):
    settings.OPENCLB_HEALTH_SHARDS = 3
    broker.client.set(lease_key(1), "owner:1", px=60_000)
    tasks.assign_shards()
    assert queued == [(0, ""), (2, "")]


def test_broker_away_is_no_failure(broker, queued, transactional_db):
    broker.stop()
    tasks.assign_shards()
    assert queued == []


def test_turn_passes_the_shard_on(broker, queued, transactional_db, settings, monkeypatch):
    settings.OPENCLB_HEALTH_SHARDS = 1
    monkeypatch.setattr("balancer.tasks.health.run_shard", _with_short_turn(tasks.run_shard))
    tasks.check_shard(0)
    ((shard, token),) = queued
    assert shard == 0
    assert broker.client.get(lease_key(0)) == token


def test_worker_that_ends_starts_no_turn(broker, queued, transactional_db):
    tasks.end_turns()
    tasks.check_shard(0)
    assert queued == []
    assert broker.client.get(lease_key(0)) is None


def test_shard_that_the_settings_do_not_have_any_more_is_emptied(
    broker, queued, transactional_db, settings
):
    settings.OPENCLB_HEALTH_SHARDS = 2
    table = HealthTable(5, HealthVersion(3, 2), {"a" * 16: HealthStatus.HEALTHY})
    feed.put_health_table(table)
    tasks.assign_shards()
    emptied = feed.read_health_table(5)
    assert emptied is not None
    assert emptied.statuses == {}
    assert emptied.version > table.version
    tasks.check_shard(5)
    assert queued == [(0, ""), (1, "")]


def _with_short_turn(run_shard):
    def run(shard: int, **arguments) -> str:
        return run_shard(shard, turn_s=0.1, **arguments)

    return run

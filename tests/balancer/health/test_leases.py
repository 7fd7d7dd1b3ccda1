"""A shard has one owner; a dead one is found without comparing clocks (reliability 11, 23)."""

import pytest

from balancer.health.leases import (
    STANDSTILL_S,
    Holding,
    Ownership,
    ShardLease,
    find_vacant_shards,
    lease_key,
    read_handover,
)


@pytest.fixture(autouse=True)
def _feed(broker):
    pass


def test_one_owner_until_it_lets_go(broker):
    first, second = ShardLease(0), ShardLease(0)
    assert first.acquire()
    assert not second.acquire()
    assert first.renew() is Holding.HELD
    assert second.renew() is Holding.LOST
    broker.client.delete(lease_key(0))
    assert first.renew() is Holding.ABSENT
    assert second.acquire()
    assert first.renew() is Holding.LOST


def test_lease_of_a_dead_owner_runs_out(broker):
    ShardLease(0).acquire()
    assert 0 < broker.client.pttl(lease_key(0)) <= 3000


def test_only_the_token_takes_what_was_handed_over():
    first, second, third = ShardLease(0), ShardLease(0), ShardLease(0)
    first.acquire()
    token = first.hand_over('{"epoch":1}')
    assert not third.acquire()
    assert not third.acquire("handover:other")
    assert second.acquire(token)
    assert read_handover(0) == '{"epoch":1}'
    assert not third.acquire(token)


def test_lost_shard_cannot_be_handed_over():
    first, second = ShardLease(0), ShardLease(0)
    second.acquire()
    assert first.hand_over("{}") == ""
    assert read_handover(0) == ""


def test_owner_that_stands_still_is_found_by_its_counter(broker):
    """A clock set back by an hour lets a dead owner's key live on; the counter does not move."""
    living, dead = ShardLease(0), ShardLease(1)
    living.acquire()
    dead.acquire()
    seen = Ownership()
    assert seen.find_vacant([0, 1, 2], now=100.0) == {2: ""}
    living.renew()
    stalled = broker.client.get(lease_key(1))
    assert seen.find_vacant([0, 1], now=100.0 + STANDSTILL_S) == {1: stalled}
    assert ShardLease(1).acquire(stalled)
    assert seen.find_vacant([0, 1], now=101.0 + STANDSTILL_S) == {}


def test_vacant_shard_is_offered_once_at_a_time():
    assert find_vacant_shards(2) == {0: "", 1: ""}
    assert find_vacant_shards(2) == {}

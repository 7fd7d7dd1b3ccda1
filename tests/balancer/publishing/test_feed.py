"""The feed takes only what is newer, tells the proxies, and says when nobody answers."""

import time

import pytest

from balancer import feed
from proxy.snapshot import (
    FEED_CHANNEL,
    FEED_INDEX_KEY,
    ApplyReport,
    HealthDelta,
    HealthStatus,
    HealthTable,
    HealthVersion,
    IndexEntry,
    Snapshot,
    report_key,
    snapshot_key,
)

HEALTHY, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY


def a_snapshot(version: int, address: str = "127.88.0.1") -> Snapshot:
    return Snapshot("lb-1", version, address, listeners=(), groups=())


def a_delta(epoch: int, sequence: int, **statuses: HealthStatus) -> HealthDelta:
    return HealthDelta(shard=1, epoch=epoch, sequence=sequence, statuses=statuses)


@pytest.fixture
def notices(broker):
    """Return a function that reads the next notice on the channel."""
    subscription = broker.client.pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(FEED_CHANNEL)
    assert subscription.get_message(timeout=5) is None

    def read() -> str | None:
        message = subscription.get_message(timeout=0.5)
        return message and message["data"]

    yield read
    subscription.close()


def test_snapshot_is_stored_indexed_and_told(broker, notices):
    snapshot = a_snapshot(3)
    assert feed.put_snapshot(snapshot) == IndexEntry(3, snapshot.content_hash)
    assert feed.read_index() == {"lb-1": IndexEntry(3, snapshot.content_hash)}
    assert feed.read_snapshots(["lb-1", "lb-2"]) == {"lb-1": snapshot}
    assert notices() == "snapshot lb-1"


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(a_snapshot(4), id="older"),
        pytest.param(a_snapshot(5, "127.88.0.9"), id="same-version-other-content"),
    ],
)
def test_older_document_never_replaces_a_newer_one(broker, notices, late):
    """Reliability case 14 and 21: the publisher learns what is in force instead."""
    newest = a_snapshot(5)
    in_force = feed.put_snapshot(newest)
    notices()
    assert feed.put_snapshot(late) == in_force
    assert feed.read_snapshots(["lb-1"]) == {"lb-1": newest}
    assert notices() is None


def test_publishing_twice_restores_a_lost_document(broker):
    """Reliability case 13: the second publication does no harm and heals."""
    feed.put_snapshot(a_snapshot(5))
    broker.client.delete(snapshot_key("lb-1"))
    feed.put_snapshot(a_snapshot(5))
    assert feed.read_snapshots(["lb-1"]) == {"lb-1": a_snapshot(5)}


def test_late_publication_does_not_bring_a_deleted_one_back(broker):
    feed.put_snapshot(a_snapshot(5))
    feed.put_tombstone("lb-1", 6)
    assert feed.put_snapshot(a_snapshot(5)).deleted
    assert feed.read_snapshots(["lb-1"]) == {}


def test_delta_follows_the_table(broker, notices):
    feed.put_health_table(HealthTable(1, HealthVersion(2, 2), {"a": HEALTHY, "b": HEALTHY}))
    assert notices() == "health " + a_delta(2, 2).to_json()
    delta = HealthDelta(1, 2, 3, {"a": UNHEALTHY}, forgotten=("b",))
    feed.put_health(delta)
    assert notices() == "health " + delta.to_json()
    assert feed.read_health_table(1) == HealthTable(1, HealthVersion(2, 3), {"a": UNHEALTHY})
    assert feed.read_health_versions() == {1: HealthVersion(2, 3)}


@pytest.mark.parametrize(
    ("delta", "refusal"),
    [
        pytest.param(a_delta(2, 9, a=UNHEALTHY), feed.HealthStale, id="doubled"),
        pytest.param(a_delta(2, 8, a=UNHEALTHY), feed.HealthStale, id="older"),
        pytest.param(a_delta(1, 99, a=UNHEALTHY), feed.HealthStale, id="earlier-owner"),
        pytest.param(a_delta(2, 11, a=UNHEALTHY), feed.HealthGap, id="one-is-missing"),
        pytest.param(a_delta(3, 1, a=UNHEALTHY), feed.HealthGap, id="new-owner-without-table"),
    ],
)
def test_health_is_fenced(broker, delta, refusal):
    """Reliability case 23: a checker that lost its shard can do nothing."""
    feed.put_health_table(HealthTable(1, HealthVersion(2, 9), {"a": HEALTHY}))
    with pytest.raises(refusal):
        feed.put_health(delta)
    assert feed.read_health_table(1) == HealthTable(1, HealthVersion(2, 9), {"a": HEALTHY})


def test_versions_are_compared_as_numbers(broker):
    feed.put_health_table(HealthTable(1, HealthVersion(9, 100), {}))
    feed.put_health_table(HealthTable(1, HealthVersion(10, 2), {"a": HEALTHY}))
    assert feed.read_health_versions() == {1: HealthVersion(10, 2)}


def test_evidence_is_read_across_shards(broker):
    one = feed.Evidence(HEALTHY, since=1.0, checked_at=2.0, detail="answered 200")
    two = feed.Evidence(UNHEALTHY, since=1.0, checked_at=2.0, detail="connection refused")
    feed.put_evidence(0, {"a": one, "gone": one}, forgotten=[])
    feed.put_evidence(1, {"b": two}, forgotten=[])
    feed.put_evidence(0, {}, forgotten=["gone"])
    assert feed.read_evidence({"a": 0, "b": 1, "gone": 0, "new": 1}) == {"a": one, "b": two}
    assert feed.read_evidence({}) == {}


def test_reports_of_all_nodes_are_read_past_an_unreadable_one(broker):
    report = ApplyReport(node="n1", at=1.0, started_at=0.5, workers=2)
    broker.client.set(report_key("n1"), report.to_json())
    broker.client.set(report_key("n2"), "{}")
    assert feed.read_reports() == [report]


def test_subscription_asks_for_a_look_first_and_then_at_each_notice(broker):
    notices = feed.SnapshotNotices()
    assert notices.wait(0.01)
    assert not notices.wait(0.01)
    feed.put_snapshot(a_snapshot(1))
    deadline = time.monotonic() + 5
    while not notices.wait(0.05):
        assert time.monotonic() < deadline
    notices.close()


def test_broker_that_is_away_is_said_at_once(broker):
    broker.stop()
    for act in (
        feed.read_index,
        feed.read_reports,
        lambda: feed.put_snapshot(a_snapshot(1)),
        lambda: feed.put_health(a_delta(1, 1)),
        lambda: feed.SnapshotNotices().wait(0.01),
    ):
        with pytest.raises(feed.FeedUnavailable):
            act()
    # Nobody waits for a broker that refuses: neither pages nor the owner of a lease.
    assert feed.client().get_retry().get_retries() == 0
    broker.start()
    assert feed.read_index() == {}


def test_damaged_index_line_is_not_trusted(broker):
    """A line that cannot be read is left out, so that reconcile writes it again."""
    feed.put_snapshot(a_snapshot(5))
    broker.client.hset(FEED_INDEX_KEY, "lb-2", "garbage")
    assert set(feed.read_index()) == {"lb-1"}
    feed.put_tombstone("lb-2", 1)
    assert feed.read_index()["lb-2"].deleted

"""Versions, the outbox and reconciliation: the feed becomes what the database says, by itself."""

import pytest

from balancer import feed
from balancer.models import BackendServer, LoadBalancer, PublishHead
from balancer.services.publishing import (
    PUBLISH_TASK,
    publish_latest,
    reconcile_feed,
    request_publish,
    request_tombstone,
)
from balancer.tasks import publishing as tasks
from proxy.snapshot import AppliedSnapshot, ApplyReport, Refusal, Snapshot, report_key


def head_of(load_balancer: LoadBalancer) -> PublishHead:
    return PublishHead.objects.get(load_balancer_public_id=load_balancer.public_id)


def set_weight(estate, weight: int) -> int:
    """Change a row and take a version for it, as a service does."""
    BackendServer.objects.filter(pk=estate.servers[0].pk).update(weight=weight)
    return request_publish(estate.load_balancer)


def weight_on_feed(estate) -> int | None:
    snapshot = feed.read_snapshots([estate.load_balancer.public_id]).get(
        estate.load_balancer.public_id
    )
    return snapshot and snapshot.groups[0].servers[0].weight


def report(broker, load_balancer: LoadBalancer, version: int, content_hash: str, **more) -> None:
    """Leave the report of a proxy that has this version in force."""
    applied = {load_balancer.public_id: AppliedSnapshot(version, content_hash)}
    text = ApplyReport("n1", at=1.0, started_at=1.0, workers=1, applied=applied, **more).to_json()
    broker.client.set(report_key("n1"), text)


def test_each_change_takes_the_next_version_and_wakes_the_publisher(
    estate, django_capture_on_commit_callbacks, monkeypatch
):
    sent = []
    monkeypatch.setattr(
        "celery.canvas.Signature.apply_async",
        lambda signature, **_: sent.append((signature.task, signature.args)),
    )
    public_id = estate.load_balancer.public_id
    with django_capture_on_commit_callbacks(execute=True):
        assert [request_publish(estate.load_balancer) for _ in range(3)] == [1, 2, 3]
        assert sent == []
    assert sent == [(PUBLISH_TASK, (public_id, version)) for version in (1, 2, 3)]
    assert head_of(estate.load_balancer).is_waiting


def test_broker_away_does_not_break_the_request(estate, broker, django_capture_on_commit_callbacks):
    """Reliability case 6: the outbox row stays; the next round sends it."""
    broker.stop()
    with django_capture_on_commit_callbacks(execute=True):
        set_weight(estate, 7)
    tasks.reconcile_feed()
    assert head_of(estate.load_balancer).is_waiting
    broker.start()
    tasks.reconcile_feed()
    assert weight_on_feed(estate) == 7
    assert not head_of(estate.load_balancer).is_waiting


def test_publication_carries_the_newest_rows_and_marks_the_head(estate, broker):
    set_weight(estate, 10)
    version = set_weight(estate, 20)
    publish_latest(estate.load_balancer.public_id, at_least=1)
    assert weight_on_feed(estate) == 20
    assert feed.read_index()[estate.load_balancer.public_id].version == version
    assert head_of(estate.load_balancer).published == version


def test_late_task_publishes_nothing_again(estate, broker, django_assert_num_queries):
    """Many edits in a row: the tasks of the earlier ones find their version there already."""
    set_weight(estate, 10)
    version = set_weight(estate, 20)
    publish_latest(estate.load_balancer.public_id, at_least=version)
    with django_assert_num_queries(2):
        publish_latest(estate.load_balancer.public_id, at_least=1)


def test_paused_publisher_cannot_put_older_over_newer(estate, broker, monkeypatch):
    """Reliability case 21: the one that read first sends last, and does no harm."""
    set_weight(estate, 10)
    put_snapshot = feed.put_snapshot

    def overtaken(snapshot: Snapshot):
        monkeypatch.setattr(feed, "put_snapshot", put_snapshot)
        set_weight(estate, 20)
        publish_latest(estate.load_balancer.public_id, at_least=2)
        return put_snapshot(snapshot)

    monkeypatch.setattr(feed, "put_snapshot", overtaken)
    publish_latest(estate.load_balancer.public_id, at_least=1)
    assert weight_on_feed(estate) == 20
    head = head_of(estate.load_balancer)
    assert (head.wanted, head.published) == (2, 2)


def test_unknown_load_balancer_is_nothing_to_publish(broker, db):
    publish_latest("lb-unknown", at_least=1)
    assert feed.read_index() == {}


def test_deleted_load_balancer_leaves_a_tombstone(estate, broker):
    version = request_publish(estate.load_balancer)
    publish_latest(estate.load_balancer.public_id, at_least=version)
    public_id = estate.load_balancer.public_id
    snapshot = feed.read_snapshots([public_id])[public_id]
    request_tombstone(public_id)
    LoadBalancer.objects.filter(public_id=public_id).delete()
    publish_latest(public_id, at_least=version + 1)
    assert feed.read_index()[public_id].deleted
    assert feed.put_snapshot(snapshot).deleted
    assert reconcile_feed() == 0


def test_flushed_broker_is_filled_again(estate, broker):
    """Reliability case 7: every document comes back, tombstones too."""
    other = estate.add_load_balancer("127.88.0.2")
    request_publish(other)
    request_tombstone("lb-gone")
    set_weight(estate, 33)
    reconcile_feed()
    before = feed.read_index()
    assert len(before) == 3
    broker.client.flushall()
    assert reconcile_feed() == 3
    assert feed.read_index() == before
    assert weight_on_feed(estate) == 33


def test_nothing_is_sent_while_all_is_equal(estate, broker):
    set_weight(estate, 33)
    reconcile_feed()
    entry = feed.read_index()[estate.load_balancer.public_id]
    report(broker, estate.load_balancer, entry.version, entry.content_hash)
    assert reconcile_feed() == 0


def test_proxy_that_missed_a_notice_is_told_again(estate, broker):
    """Reliability case 12."""
    set_weight(estate, 33)
    reconcile_feed()
    set_weight(estate, 34)
    reconcile_feed()
    report(broker, estate.load_balancer, 1, "older")
    assert reconcile_feed() == 1


def test_refused_document_is_not_sent_again_but_the_next_version_is(estate, broker):
    set_weight(estate, 33)
    reconcile_feed()
    refused = {estate.load_balancer.public_id: Refusal(2, "weight 200 not 0-100")}
    set_weight(estate, 34)
    reconcile_feed()
    report(broker, estate.load_balancer, 1, "older", refused=refused)
    assert reconcile_feed() == 0
    set_weight(estate, 35)
    assert reconcile_feed() == 1
    assert weight_on_feed(estate) == 35


def test_restored_backup_is_lifted_above_what_the_feed_has(estate, broker):
    """The database is the truth, also when its numbers are behind."""
    for weight in (1, 2, 3):
        set_weight(estate, weight)
    reconcile_feed()
    PublishHead.objects.update(wanted=1, published=1)
    BackendServer.objects.filter(pk=estate.servers[0].pk).update(weight=50)
    reconcile_feed()
    assert weight_on_feed(estate) == 50
    head = head_of(estate.load_balancer)
    assert (head.wanted, head.published) == (4, 4)


def test_restored_backup_that_counted_up_to_the_feeds_version_is_lifted(estate, broker):
    for weight in (1, 2, 3):
        set_weight(estate, weight)
    reconcile_feed()
    PublishHead.objects.update(wanted=2, published=1)
    set_weight(estate, 60)
    reconcile_feed()
    assert weight_on_feed(estate) == 60
    assert head_of(estate.load_balancer).published == 4


def test_restored_backup_is_lifted_above_what_a_proxy_serves_without_a_feed(estate, broker):
    set_weight(estate, 60)
    report(broker, estate.load_balancer, 9, "of-another-time")
    reconcile_feed()
    assert feed.read_index()[estate.load_balancer.public_id].version == 10
    assert weight_on_feed(estate) == 60


def test_proxy_with_other_content_at_the_same_version_gets_a_new_one(estate, broker):
    set_weight(estate, 60)
    reconcile_feed()
    report(broker, estate.load_balancer, 1, "of-another-time")
    reconcile_feed()
    assert feed.read_index()[estate.load_balancer.public_id].version == 2


@pytest.mark.parametrize("place", ["feed", "proxy"])
def test_stranger_is_taken_off(estate, broker, place):
    """What no row stands for is not served."""
    stranger = LoadBalancer(public_id="lb-stranger")
    if place == "feed":
        feed.put_snapshot(Snapshot("lb-stranger", 4, "127.88.0.7", listeners=(), groups=()))
    else:
        report(broker, stranger, 4, "hash")
    reconcile_feed()
    entry = feed.read_index()["lb-stranger"]
    assert (entry.version, entry.deleted) == (5, True)
    broker.client.delete(report_key("n1"))
    assert reconcile_feed() == 0


def test_row_that_came_past_the_services_is_published(estate, broker):
    """A load balancer loaded from a fixture has no head yet."""
    assert not PublishHead.objects.exists()
    reconcile_feed()
    assert weight_on_feed(estate) == 50


def test_row_deleted_past_the_services_is_taken_off(estate, broker):
    reconcile_feed()
    public_id = estate.load_balancer.public_id
    LoadBalancer.objects.all().delete()
    reconcile_feed()
    assert feed.read_index()[public_id].deleted
    assert reconcile_feed() == 0

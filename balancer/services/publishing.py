"""The way of a change to the feed: versions, the outbox, publication and reconciliation."""

from collections.abc import Iterable, Mapping

import structlog
from django.db import transaction
from django.utils import timezone

from balancer import feed
from balancer.enqueue import after_commit
from balancer.models import LoadBalancer, PublishHead
from balancer.services.reading import read_at_one_moment
from balancer.snapshot.compiler import compile_snapshot
from proxy.snapshot import ApplyReport, IndexEntry, Snapshot

PUBLISH_TASK = "balancer.tasks.publishing.publish_snapshot"

log = structlog.get_logger(__name__)


def request_publish(load_balancer: LoadBalancer) -> int:
    """Give the load balancer its next version and wake the publisher once this commits.

    The last thing in a transaction: the head stays locked until the commit, so version order is
    commit order.
    """
    return _raise_head(load_balancer.public_id)


def request_tombstone(load_balancer_public_id: str) -> int:
    """Mark the load balancer as deleted, so that a late publication cannot bring it back."""
    return _raise_head(load_balancer_public_id, deleted=True)


def publish_latest(load_balancer_id: str, *, at_least: int) -> None:
    """Put the newest version on the feed, unless ``at_least`` or a later one is there already."""
    heads = PublishHead.objects.filter(load_balancer_public_id=load_balancer_id)
    if heads.exists() and not heads.filter(published__gte=at_least).exists():
        _publish(load_balancer_id)


def reconcile_feed() -> int:
    """Make the feed equal to the database again, whatever it lost; return how much was sent.

    The feed is read first: what it shows was committed by then, so a head read later can only be
    newer, unless the database came back from a backup.
    """
    index, reports = feed.read_index(), feed.read_reports()
    _follow_rows()
    heads = {head.load_balancer_public_id: head for head in PublishHead.objects.all()}
    sent = 0
    for public_id, head in heads.items():
        sent += _reconcile_head(head, index.get(public_id), reports)
    for public_id, version in _strangers(heads, index, reports).items():
        log.warning("stranger_removed", load_balancer=public_id, version=version)
        feed.put_tombstone(public_id, version + 1)
        sent += 1
    return sent


def _raise_head(public_id: str, *, above: int = 0, deleted: bool = False) -> int:
    """Take the next version above the head's own and the one given, under the head's lock."""
    with transaction.atomic():
        PublishHead.objects.get_or_create(load_balancer_public_id=public_id)
        head = PublishHead.objects.select_for_update().get(load_balancer_public_id=public_id)
        head.wanted = max(head.wanted, above) + 1
        head.wanted_at = timezone.now()
        head.deleted = head.deleted or deleted
        head.save(update_fields=["wanted", "wanted_at", "deleted"])
        after_commit(PUBLISH_TASK, public_id, head.wanted)
    return head.wanted


def _publish(public_id: str) -> None:
    """Send what is wanted now; where the feed is ahead of the database, lift the head and send."""
    version, snapshot = _read_wanted(public_id)
    in_force = _send(public_id, version, snapshot)
    if in_force != _entry(version, snapshot) and _is_ahead(public_id, version, in_force):
        log.warning("head_lifted", load_balancer=public_id, wanted=version, seen=in_force.version)
        _raise_head(public_id, above=in_force.version)
        version, snapshot = _read_wanted(public_id)
        in_force = _send(public_id, version, snapshot)
    if in_force == _entry(version, snapshot):
        heads = PublishHead.objects.filter(load_balancer_public_id=public_id)
        heads.filter(published__lt=version).update(published=version, published_at=timezone.now())


def _is_ahead(public_id: str, version: int, in_force: IndexEntry) -> bool:
    """Tell a feed of another history from one where another publisher was simply faster."""
    wanted = PublishHead.objects.get(load_balancer_public_id=public_id).wanted
    return in_force.version == version or in_force.version > wanted


def _read_wanted(public_id: str) -> tuple[int, Snapshot | None]:
    """Return the wanted version and its snapshot, None for a tombstone.

    The lock is held while the rows are read and let go before anything is sent.
    """
    with read_at_one_moment():
        head = PublishHead.objects.select_for_update().get(load_balancer_public_id=public_id)
        load_balancer = LoadBalancer.objects.filter(public_id=public_id).first()
        if head.deleted or load_balancer is None:
            return head.wanted, None
        return head.wanted, compile_snapshot(load_balancer, version=head.wanted)


def _send(public_id: str, version: int, snapshot: Snapshot | None) -> IndexEntry:
    """Offer the document to the feed; return what is in force there afterwards."""
    if snapshot is None:
        return feed.put_tombstone(public_id, version)
    return feed.put_snapshot(snapshot)


def _entry(version: int, snapshot: Snapshot | None) -> IndexEntry:
    if snapshot is None:
        return feed.tombstone_entry(version)
    return feed.index_entry(snapshot)


def _follow_rows() -> None:
    """Raise the heads of load balancers that came or went past the services."""
    heads = PublishHead.objects.values("load_balancer_public_id")
    rows = LoadBalancer.objects.values("public_id")
    for row in LoadBalancer.objects.exclude(public_id__in=heads):
        request_publish(row)
    for head in PublishHead.objects.filter(deleted=False).exclude(load_balancer_public_id__in=rows):
        request_tombstone(head.load_balancer_public_id)


def _reconcile_head(
    head: PublishHead, entry: IndexEntry | None, reports: Iterable[ApplyReport]
) -> bool:
    """Publish the head again if the feed or a proxy is not where it should be."""
    public_id = head.load_balancer_public_id
    ahead = _version_ahead(head, entry, reports)
    if ahead:
        log.warning("head_lifted", load_balancer=public_id, wanted=head.wanted, seen=ahead)
        _raise_head(public_id, above=ahead)
    elif not head.is_waiting and _is_served(head, entry, reports):
        return False
    _publish(public_id)
    return True


def _version_ahead(
    head: PublishHead, entry: IndexEntry | None, reports: Iterable[ApplyReport]
) -> int:
    """Return the highest version out there that this database never gave, or 0.

    That is one above ``wanted``, or ``wanted`` itself with other content than the feed's.
    """
    seen = [entry.version] if entry else []
    for report in reports:
        applied = report.applied.get(head.load_balancer_public_id)
        if applied is None:
            continue
        is_other = entry is not None and not entry.deleted and applied.version == entry.version
        if is_other and entry is not None and applied.content_hash != entry.content_hash:
            return max(applied.version, head.wanted)
        seen.append(applied.version)
    highest = max(seen, default=0)
    return highest if highest > head.wanted else 0


def _is_served(head: PublishHead, entry: IndexEntry | None, reports: Iterable[ApplyReport]) -> bool:
    """Tell whether feed and proxies have what the head wants; a refused version counts as had.

    A refused document is not sent again, the next version is.
    """
    if entry is None or entry.version != head.wanted or entry.deleted != head.deleted:
        return False
    return not any(_is_behind(report, head.load_balancer_public_id, entry) for report in reports)


def _is_behind(report: ApplyReport, public_id: str, entry: IndexEntry) -> bool:
    applied, refused = report.applied.get(public_id), report.refused.get(public_id)
    if entry.deleted:
        return applied is not None
    reached = max(applied.version if applied else 0, refused.version if refused else 0)
    return reached < entry.version


def _strangers(
    heads: Mapping[str, PublishHead],
    index: Mapping[str, IndexEntry],
    reports: Iterable[ApplyReport],
) -> dict[str, int]:
    """Return load balancers that the database does not know, with the highest version seen."""
    seen = {key: entry.version for key, entry in index.items() if not entry.deleted}
    for report in reports:
        for key, applied in report.applied.items():
            if key not in index:
                seen[key] = max(seen.get(key, 0), applied.version)
    return {key: version for key, version in seen.items() if key not in heads}

"""Tasks that bring committed changes to the feed."""

import structlog
from celery import shared_task

from balancer.feed import FeedUnavailable
from balancer.services import publishing

log = structlog.get_logger(__name__)


@shared_task(autoretry_for=(FeedUnavailable,), retry_backoff=True, max_retries=5)
def publish_snapshot(load_balancer_id: str, version: int) -> None:
    """Publish the newest snapshot, unless the feed already has this version or a later one."""
    publishing.publish_latest(load_balancer_id, at_least=version)


@shared_task
def reconcile_feed() -> None:
    """Send again what the feed or a proxy is missing; the next round does what this one cannot."""
    try:
        publishing.reconcile_feed()
    except FeedUnavailable as error:
        log.warning("reconcile_without_feed", reason=str(error))

"""The task that turns the proxies' counters into figures over time."""

import structlog
from celery import shared_task
from django.utils import timezone

from balancer.feed import FeedUnavailable
from balancer.services import metrics

log = structlog.get_logger(__name__)


@shared_task
def record_metrics() -> None:
    """Write the points of a period that is over."""
    try:
        metrics.record_metrics(now=timezone.now())
    except FeedUnavailable as error:
        log.warning("metrics_without_feed", reason=str(error))

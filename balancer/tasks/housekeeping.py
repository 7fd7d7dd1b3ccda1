"""The task that takes away what has outlived its use."""

import structlog
from celery import shared_task
from django.utils import timezone

from balancer.services import housekeeping

log = structlog.get_logger(__name__)


@shared_task
def expire_records() -> None:
    """Delete drafts, nonces, sessions and history past their lifetimes."""
    gone = housekeeping.expire_records(now=timezone.now())
    if gone:
        log.info("records_expired", **gone)

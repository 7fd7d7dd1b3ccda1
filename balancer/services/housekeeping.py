"""Takes away what has outlived its use, a little at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import models, transaction

from balancer.constants import (
    ACTIVITY_LIFETIME_DAYS,
    DRAFT_LIFETIME_H,
    HEALTH_FLIP_LIFETIME_DAYS,
    IDEMPOTENCY_KEY_LIFETIME_H,
    NONCE_LIFETIME_S,
)
from balancer.models import (
    Activity,
    Draft,
    HealthFlip,
    IdempotencyKey,
    Measurement,
    RequestNonce,
)
from balancer.services.metric_tiers import expired

BATCH = 500
"""Rows per transaction: on SQLite each holds up every writer while it lasts."""
MOST_BATCHES = 200
"""Of one kind in one call; what is left then goes at the next."""

LIFETIMES: Mapping[type[models.Model], tuple[str, timedelta]] = {
    Draft: ("updated_at", timedelta(hours=DRAFT_LIFETIME_H)),
    # A request may be dated so much before or behind our clock; its nonce is kept for both.
    RequestNonce: ("at", 2 * timedelta(seconds=NONCE_LIFETIME_S)),
    IdempotencyKey: ("created_at", timedelta(hours=IDEMPOTENCY_KEY_LIFETIME_H)),
    HealthFlip: ("at", timedelta(days=HEALTH_FLIP_LIFETIME_DAYS)),
    Activity: ("at", timedelta(days=ACTIVITY_LIFETIME_DAYS)),
    Session: ("expire_date", timedelta()),
}


def expire_records(*, now: datetime) -> dict[str, int]:
    """Delete what is past its lifetime; return how many rows of each kind went."""
    gone = {}
    for model, (column, lifetime) in LIFETIMES.items():
        number = _delete_before(model, {}, column, now - lifetime)
        if number:
            gone[str(model._meta.model_name)] = number
    number = sum(
        _delete_before(Measurement, columns, "at", moment) for columns, moment in expired(now=now)
    )
    return gone | ({"measurement": number} if number else {})


def _delete_before(
    model: type[models.Model], columns: Mapping[str, object], column: str, moment: datetime
) -> int:
    old = model._default_manager.filter(**columns, **{f"{column}__lt": moment}).order_by()
    number = 0
    for _ in range(MOST_BATCHES):
        with transaction.atomic():
            batch = list(old.values_list("pk", flat=True)[:BATCH])
            model._default_manager.filter(pk__in=batch).delete()
        number += len(batch)
        if len(batch) < BATCH:
            break
    return number

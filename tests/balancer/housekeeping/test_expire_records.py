"""What has outlived its use goes, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from balancer.models import Activity, Draft, HealthFlip, IdempotencyKey, RequestNonce
from balancer.services import housekeeping

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LIFETIMES = {
    Draft: timedelta(hours=24),
    RequestNonce: timedelta(minutes=30),
    IdempotencyKey: timedelta(hours=24),
    HealthFlip: timedelta(days=90),
    Activity: timedelta(days=365),
    Session: timedelta(0),
}


def make(model, number: int, user: User):
    """Return a row of the model."""
    rows = {
        Draft: {"user": user, "kind": "server_panel", "subject_id": "rsp-1"},
        RequestNonce: {"key_id": "key", "nonce": str(number)},
        IdempotencyKey: {"user": user, "scope": "POST", "key": str(number), "request_digest": ""},
        HealthFlip: {"port": 80, "address": "10.0.0.1", "at": NOW},
        Activity: {"actor_name": "a"},
        Session: {"session_key": str(number), "expire_date": NOW},
    }
    return model._default_manager.create(**rows[model])


@pytest.mark.parametrize("model", LIFETIMES, ids=lambda model: model.__name__)
def test_only_what_is_past_its_lifetime_goes(db, model, monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    user = User.objects.create(username="u")
    column, lifetime = housekeeping.LIFETIMES[model][0], LIFETIMES[model]
    rows = [make(model, number, user) for number in range(7)]
    moment = NOW - lifetime
    for row in rows[:5]:
        model._default_manager.filter(pk=row.pk).update(**{column: moment - timedelta(seconds=1)})
    for row in rows[5:]:
        model._default_manager.filter(pk=row.pk).update(**{column: moment})
    gone = housekeeping.expire_records(now=NOW)
    assert gone == {model._meta.model_name: 5}
    kept = set(model._default_manager.values_list("pk", flat=True))
    assert kept == {row.pk for row in rows[5:]}

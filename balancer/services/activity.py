"""The record of who changed what; one entry per act, in the transaction of the change."""

from typing import Any

import structlog
from django.db.models import Model

from balancer.actors import Actor
from balancer.models import Activity, LoadBalancer

_MAX_NAME_CHARACTERS = 200


def record_activity(
    actor: Actor,
    action: str,
    subject: Model,
    *,
    load_balancer: LoadBalancer | None = None,
    before: Any = None,
    after: Any = None,
) -> Activity:
    """Write one entry; ``before`` and ``after`` are JSON-able and never hold a secret."""
    context = structlog.contextvars.get_contextvars()
    return Activity.objects.create(
        user=actor.user,
        actor_name=actor.name,
        entrance=actor.entrance,
        action=action,
        load_balancer_public_id=load_balancer.public_id if load_balancer else "",
        object_type=subject._meta.model_name or "",
        object_id=str(getattr(subject, "public_id", subject.pk)),
        object_name=str(subject)[:_MAX_NAME_CHARACTERS],
        before=before,
        after=after,
        request_id=str(context.get("request_id", "")),
    )

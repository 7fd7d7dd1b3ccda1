"""The record of changes, newest first."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import Activity
from balancer.selectors.access import visible


def list_activity(
    *, user: Any, load_balancer_id: str | None = None, object_id: str | None = None
) -> QuerySet[Activity]:
    """Return the entries of one load balancer, of one object, or all."""
    rows = visible(Activity.objects.order_by("-at", "-pk"), user=user)
    if load_balancer_id is not None:
        rows = rows.filter(load_balancer_public_id=load_balancer_id)
    return rows if object_id is None else rows.filter(object_id=object_id)

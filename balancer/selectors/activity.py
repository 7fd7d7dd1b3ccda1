"""Reads of the activity record."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import Activity
from balancer.selectors.finding import visible


def list_activity(
    *, user: Any, load_balancer_id: str | None = None, object_id: str | None = None
) -> QuerySet[Activity]:
    """Return entries, the newest first; of one load balancer or object when named."""
    rows = visible(Activity.objects.select_related("user"), user)
    if load_balancer_id is not None:
        rows = rows.filter(load_balancer_public_id=load_balancer_id)
    return rows if object_id is None else rows.filter(object_id=object_id)

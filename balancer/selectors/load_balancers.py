"""Reads of load balancer instances."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import LoadBalancer
from balancer.rights import Right
from balancer.selectors.finding import find, visible


def list_load_balancers(*, user: Any, region_id: str | None = None) -> QuerySet[LoadBalancer]:
    """Return what the user sees, the newest first, with its places."""
    rows = visible(
        LoadBalancer.objects.select_related(
            "region", "primary_zone", "backup_zone", "vpc", "vswitch"
        ),
        user,
    )
    return rows if region_id is None else rows.filter(region__public_id=region_id)


def get_load_balancer(
    *, user: Any, right: Right, load_balancer_id: str, region_id: str | None = None
) -> LoadBalancer:
    """Return one; in another region than the given one it is not found."""
    rows = list_load_balancers(user=user, region_id=region_id)
    return find(rows, user=user, right=right, public_id=load_balancer_id, what="load balancer")

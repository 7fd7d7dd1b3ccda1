"""Load balancers as pages and API read them."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import LoadBalancer
from balancer.rights import Right
from balancer.selectors.access import find, visible


def get_load_balancer(
    *, user: Any, right: Right, load_balancer_id: str, region_id: str | None = None
) -> LoadBalancer:
    """Return one load balancer, of the region when one is named."""
    rows = _load_balancers(region_id)
    return find(rows, user=user, right=right, public_id=load_balancer_id, noun="load balancer")


def list_load_balancers(*, user: Any, region_id: str | None = None) -> QuerySet[LoadBalancer]:
    """Return the load balancers of a region or of all, newest first."""
    return visible(_load_balancers(region_id), user=user)


def _load_balancers(region_id: str | None) -> QuerySet[LoadBalancer]:
    rows = LoadBalancer.objects.select_related(
        "region", "primary_zone", "backup_zone", "vpc", "vswitch"
    )
    return rows if region_id is None else rows.filter(region__public_id=region_id)

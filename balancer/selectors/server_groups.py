"""Server groups of the three kinds."""

from typing import Any

from django.db.models import QuerySet

from balancer.exceptions import NotFound
from balancer.models import LoadBalancer, ServerGroup
from balancer.rights import Right, check_right
from balancer.selectors.access import find, visible
from proxy.snapshot import GroupKind


def get_server_group(
    *,
    user: Any,
    right: Right,
    group_id: str,
    kind: GroupKind | None = None,
    load_balancer: LoadBalancer | None = None,
) -> ServerGroup:
    """Return one group, of this kind and load balancer when they are given."""
    rows = _groups(load_balancer, kind)
    return find(rows, user=user, right=right, public_id=group_id, noun="server group")


def get_default_group(*, user: Any, right: Right, load_balancer: LoadBalancer) -> ServerGroup:
    """Return the group that listeners without their own share (S81)."""
    check_right(user, right)
    group = _groups(load_balancer, GroupKind.DEFAULT).first()
    if group is None:
        raise NotFound(
            "server_group_not_found", f"{load_balancer.name} has no default server group any more."
        )
    return group


def list_server_groups(
    *, user: Any, load_balancer: LoadBalancer | None = None, kind: GroupKind | None = None
) -> QuerySet[ServerGroup]:
    """Return the groups of a load balancer or of all, by kind and name."""
    return visible(_groups(load_balancer, kind), user=user)


def _groups(load_balancer: LoadBalancer | None, kind: GroupKind | None) -> QuerySet[ServerGroup]:
    rows = ServerGroup.objects.select_related("load_balancer__region")
    rows = rows.order_by("load_balancer_id", "kind", "name")
    if load_balancer is not None:
        rows = rows.filter(load_balancer=load_balancer)
    return rows if kind is None else rows.filter(kind=kind)

"""Reads of server groups."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import LoadBalancer, ServerGroup
from balancer.rights import Right, check_right
from balancer.selectors.finding import find, visible
from proxy.snapshot import GroupKind


def list_server_groups(
    *, user: Any, load_balancer: LoadBalancer | None = None, kind: str | None = None
) -> QuerySet[ServerGroup]:
    """Return groups by load balancer, kind and name."""
    rows = visible(ServerGroup.objects.select_related("load_balancer__region"), user)
    if load_balancer is not None:
        rows = rows.filter(load_balancer=load_balancer)
    return rows if kind is None else rows.filter(kind=kind)


def get_server_group(
    *, user: Any, right: Right, group_id: str, kind: str | None = None
) -> ServerGroup:
    """Return one, of the given kind when there is one."""
    rows = list_server_groups(user=user, kind=kind)
    return find(rows, user=user, right=right, public_id=group_id, what="server group")


def get_default_group(*, user: Any, right: Right, load_balancer: LoadBalancer) -> ServerGroup:
    """Return the group that listeners without their own share (S81); every instance has one."""
    check_right(user, right)
    rows = list_server_groups(user=user, load_balancer=load_balancer, kind=GroupKind.DEFAULT)
    return rows.get()

"""Reads of listeners."""

from typing import Any

from django.db.models import Q, QuerySet

from balancer.models import Listener, LoadBalancer
from balancer.rights import Right
from balancer.selectors.finding import find, visible
from proxy.snapshot import GroupKind


def list_listeners(*, user: Any, load_balancer: LoadBalancer | None = None) -> QuerySet[Listener]:
    """Return listeners by load balancer and port, with their groups."""
    rows = Listener.objects.select_related(
        "load_balancer__region", "server_group", "primary_group", "secondary_group"
    )
    rows = visible(rows.prefetch_related("access_lists"), user)
    return rows if load_balancer is None else rows.filter(load_balancer=load_balancer)


def get_listener(
    *, user: Any, right: Right, listener_id: str, load_balancer: LoadBalancer | None = None
) -> Listener:
    """Return one, of the given load balancer when there is one."""
    rows = list_listeners(user=user, load_balancer=load_balancer)
    return find(rows, user=user, right=right, public_id=listener_id, what="listener")


def keys_of_users(group_id: str) -> QuerySet[Listener, Any]:
    """Return the keys of the listeners that send to a group, by themselves or by a rule.

    The default group has those that name none (S32).
    """
    by_itself = Q(server_group__public_id=group_id) | Q(
        server_group=None,
        load_balancer__server_groups__public_id=group_id,
        load_balancer__server_groups__kind=GroupKind.DEFAULT,
    )
    by_failover = Q(primary_group__public_id=group_id) | Q(secondary_group__public_id=group_id)
    return Listener.objects.filter(
        Q(by_itself, failover_enabled=False)
        | Q(by_failover, failover_enabled=True)
        | Q(rules__server_group__public_id=group_id)
    ).values("pk")

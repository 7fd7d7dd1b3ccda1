"""Reads of listeners."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import Listener, LoadBalancer
from balancer.rights import Right
from balancer.selectors.finding import find, visible


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

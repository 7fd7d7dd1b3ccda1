"""Listeners with everything their options point at."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import Listener, LoadBalancer
from balancer.rights import Right
from balancer.selectors.access import find, visible


def get_listener(
    *, user: Any, right: Right, listener_id: str, load_balancer: LoadBalancer | None = None
) -> Listener:
    """Return one listener, of the load balancer when one is given."""
    rows = _listeners(load_balancer)
    return find(rows, user=user, right=right, public_id=listener_id, noun="listener")


def list_listeners(*, user: Any, load_balancer: LoadBalancer | None = None) -> QuerySet[Listener]:
    """Return the listeners of a load balancer or of all, by port."""
    return visible(_listeners(load_balancer), user=user)


def _listeners(load_balancer: LoadBalancer | None) -> QuerySet[Listener]:
    rows = Listener.objects.select_related(
        "load_balancer__region",
        "server_group",
        "primary_group",
        "secondary_group",
        "certificate",
        "client_ca_certificate",
    ).prefetch_related("access_lists")
    rows = rows.order_by("load_balancer_id", "port", "protocol")
    return rows if load_balancer is None else rows.filter(load_balancer=load_balancer)

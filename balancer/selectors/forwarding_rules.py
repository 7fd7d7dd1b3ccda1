"""Reads of forwarding rules."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, QuerySet

from balancer.models import ForwardingRule, Listener, LoadBalancer
from balancer.rights import Right
from balancer.selectors.finding import find, visible


def list_forwarding_rules(
    *, user: Any, listener: Listener | None = None, load_balancer: LoadBalancer | None = None
) -> QuerySet[ForwardingRule]:
    """Return rules by listener, domain and path, with their listeners and groups."""
    rows = ForwardingRule.objects.select_related("listener__load_balancer__region", "server_group")
    rows = visible(rows, user)
    if listener is not None:
        rows = rows.filter(listener=listener)
    return rows if load_balancer is None else rows.filter(listener__load_balancer=load_balancer)


def count_rules(listeners: Iterable[Listener]) -> Mapping[int, int]:
    """Return how many rules each listener has, by its key; none is left out."""
    rows = ForwardingRule.objects.filter(listener__in=listeners).values_list("listener")
    return dict(rows.annotate(Count("pk")).order_by())


def get_forwarding_rule(
    *, user: Any, right: Right, rule_id: str, listener: Listener | None = None
) -> ForwardingRule:
    """Return one, of the given listener when there is one."""
    rows = list_forwarding_rules(user=user, listener=listener)
    return find(rows, user=user, right=right, public_id=rule_id, what="forwarding rule")

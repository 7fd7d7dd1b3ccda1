"""Reads of the changes of health that the checks have seen."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import BackendServer, ForwardingRule, HealthFlip, Listener
from balancer.selectors.backend_servers import list_backend_servers
from balancer.selectors.finding import visible
from balancer.selectors.listeners import keys_of_users


def list_health_flips(*, user: Any) -> QuerySet[HealthFlip]:
    """Return the changes, the newest first."""
    return visible(HealthFlip.objects.all(), user)


def flips_of(server_id: str, *, user: Any) -> QuerySet[HealthFlip]:
    """Return the changes at the address and the ports where a server is checked now."""
    rows = list_health_flips(user=user)
    server = list_backend_servers(user=user).filter(public_id=server_id).first()
    if server is None:
        return rows.none()
    return rows.filter(address=server.address, port__in=_checked_ports(server))


def _checked_ports(server: BackendServer) -> set[int]:
    listeners = Listener.objects.filter(pk__in=keys_of_users(server.group.public_id))
    rules = ForwardingRule.objects.filter(server_group=server.group_id).select_related("listener")
    ports = {each.check_port or server.port or each.backend_port for each in listeners}
    ports |= {each.check_port or server.port or each.listener.backend_port for each in rules}
    return {port for port in ports if port is not None}

"""Reads of backend servers with the machines behind them."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.selectors.finding import find, visible


def list_backend_servers(*, user: Any, group: ServerGroup | None = None) -> QuerySet[BackendServer]:
    """Return servers in the order they were added, with zone and network, in one query."""
    rows = visible(
        BackendServer.objects.select_related(
            "group__load_balancer__region",
            "ecs_instance__zone",
            "ecs_instance__vswitch__vpc",
            "interface_address__interface__instance",
            "interface_address__interface__vswitch__vpc",
            "interface_address__interface__vswitch__zone",
            "idc_server__region",
        ),
        user,
    )
    return rows if group is None else rows.filter(group=group)


def get_backend_server(
    *, user: Any, right: Right, server_id: str, group: ServerGroup | None = None
) -> BackendServer:
    """Return one, of the given group when there is one."""
    rows = list_backend_servers(user=user, group=group)
    return find(rows, user=user, right=right, public_id=server_id, what="backend server")

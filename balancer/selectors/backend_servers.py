"""Backend servers with the machines they stand for."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.selectors.access import find, visible

_SHOWN_WITH = (
    "group__load_balancer__region",
    "ecs_instance__zone__region",
    "ecs_instance__vswitch__vpc",
    "interface_address__interface__instance",
    "interface_address__interface__vswitch__vpc",
    "interface_address__interface__vswitch__zone__region",
    "idc_server__region",
)


def get_backend_server(
    *, user: Any, right: Right, server_id: str, group: ServerGroup | None = None
) -> BackendServer:
    """Return one server, of the group when one is given."""
    rows = _servers(group)
    return find(rows, user=user, right=right, public_id=server_id, noun="backend server")


def list_backend_servers(*, user: Any, group: ServerGroup | None = None) -> QuerySet[BackendServer]:
    """Return the servers of a group or of all, in the order they were added."""
    return visible(_servers(group), user=user)


def _servers(group: ServerGroup | None) -> QuerySet[BackendServer]:
    rows = BackendServer.objects.select_related(*_SHOWN_WITH).order_by("group_id", "pk")
    return rows if group is None else rows.filter(group=group)

"""How full an instance is: counts against the limits of the installation and its specification."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from balancer.constants import SPECIFICATION_LIMITS
from balancer.domain.quotas import limit
from balancer.models import LoadBalancer, ServerGroup
from balancer.selectors.listeners import list_listeners
from balancer.selectors.server_groups import list_server_groups
from proxy.snapshot import GroupKind


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit and how much of it is used."""

    label: str
    used: int
    limit: int

    @property
    def is_full(self) -> bool:
        """Tell whether nothing more fits."""
        return self.used >= self.limit


@dataclass(frozen=True, slots=True)
class Usage:
    """What an instance carries, against what it may carry."""

    listeners: int
    running_listeners: int
    servers_of_default_group: int
    vserver_groups: int
    servers_of_vserver_groups: int
    pairs: int
    meters: Sequence[Meter]
    specification: tuple[int, int, int] | None


def usage_of(user: Any, load_balancer: LoadBalancer) -> Usage:
    """Count the listeners, groups and servers of the instance."""
    listeners = list(list_listeners(user=user, load_balancer=load_balancer))
    groups = list(
        list_server_groups(user=user, load_balancer=load_balancer).prefetch_related("servers")
    )
    servers = {kind: _count_servers(groups, kind) for kind in GroupKind}
    vserver_groups = sum(group.kind == GroupKind.VSERVER for group in groups)
    return Usage(
        listeners=len(listeners),
        running_listeners=sum(listener.is_running for listener in listeners),
        servers_of_default_group=servers[GroupKind.DEFAULT],
        vserver_groups=vserver_groups,
        servers_of_vserver_groups=servers[GroupKind.VSERVER],
        pairs=sum(group.kind == GroupKind.PRIMARY_SECONDARY for group in groups),
        meters=[
            Meter("Listeners", len(listeners), limit("listeners_per_load_balancer")),
            Meter(
                "Backend servers (server and port)",
                sum(servers.values()),
                limit("servers_per_load_balancer"),
            ),
            Meter("VServer groups", vserver_groups, limit("vserver_groups_per_load_balancer")),
        ],
        specification=SPECIFICATION_LIMITS.get(load_balancer.specification),
    )


def _count_servers(groups: Sequence[ServerGroup], kind: GroupKind) -> int:
    return sum(len(group.servers.all()) for group in groups if group.kind == kind)

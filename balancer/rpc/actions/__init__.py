"""Every action of the API; importing this package fills the registry."""

from balancer.rpc.actions import (
    backend_servers,
    health,
    listeners,
    load_balancers,
    pairs,
    places,
    tags,
    vserver_groups,
)

__all__ = [
    "backend_servers",
    "health",
    "listeners",
    "load_balancers",
    "pairs",
    "places",
    "tags",
    "vserver_groups",
]

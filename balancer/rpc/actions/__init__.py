"""Every action of the API; importing this package fills the registry."""

from balancer.rpc.actions import (
    access_lists,
    backend_servers,
    certificates,
    domain_extensions,
    health,
    listeners,
    load_balancers,
    pairs,
    places,
    rules,
    tags,
    vserver_groups,
)

__all__ = [
    "access_lists",
    "backend_servers",
    "certificates",
    "domain_extensions",
    "health",
    "listeners",
    "load_balancers",
    "pairs",
    "places",
    "rules",
    "tags",
    "vserver_groups",
]

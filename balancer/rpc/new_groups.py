"""Creates server groups of the two kinds that clients can create, with their tags."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from balancer.models import LoadBalancer, ServerGroup
from balancer.rpc.registry import Caller
from balancer.services.backend_servers import NewServer
from balancer.services.server_groups import create_server_group, free_group_name
from balancer.services.tags import set_tags
from proxy.snapshot import GroupKind


@transaction.atomic
def create_group(
    caller: Caller,
    load_balancer: LoadBalancer,
    kind: GroupKind,
    *,
    name: str | None,
    servers: Sequence[NewServer],
    tags: Mapping[str, str],
) -> ServerGroup:
    """Return the new group; without a name it gets one that is free."""
    group = create_server_group(
        actor=caller.actor,
        load_balancer=load_balancer,
        kind=kind,
        name=name or free_group_name(load_balancer, kind),
        servers=servers,
    )
    if tags:
        set_tags(actor=caller.actor, resources=[group], tags=tags)
    return group

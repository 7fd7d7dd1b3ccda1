"""What answers say of server groups beside their servers: who uses them, tags, since when."""

from collections.abc import Mapping, Sequence
from typing import Any

from balancer.choices import TaggedResource
from balancer.models import ServerGroup
from balancer.rpc.finding import find_load_balancer
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller
from balancer.rpc.tags import ids_with_tags, read_tag_pairs, tags_of
from balancer.rpc.times import moment
from balancer.selectors.server_groups import list_server_groups
from proxy.snapshot import GroupKind

_RESOURCE_OF_KIND = {
    GroupKind.VSERVER: TaggedResource.VSERVER_GROUP,
    GroupKind.PRIMARY_SECONDARY: TaggedResource.PRIMARY_SECONDARY_GROUP,
}


def list_groups(caller: Caller, parameters: Parameters, kind: GroupKind) -> list[ServerGroup]:
    """Return the instance's groups of the kind, by the filters of the call."""
    load_balancer = find_load_balancer(caller, parameters)
    rows = list_server_groups(user=caller.user, load_balancer=load_balancer, kind=kind)
    if name := parameters.optional("Description"):  # the name, whatever the parameter is called
        rows = rows.filter(name=name)
    ids = ids_with_tags(caller, _RESOURCE_OF_KIND[kind], read_tag_pairs(parameters))
    if ids is not None:
        rows = rows.filter(public_id__in=ids)
    return list(rows.prefetch_related("listeners", "rules", "servers").order_by("-pk"))


def group_facts(
    caller: Caller, groups: Sequence[ServerGroup], resource_type: TaggedResource
) -> Mapping[str, dict[str, Any]]:
    """Return time and tags of each group."""
    tags = tags_of(caller, resource_type, [each.public_id for each in groups])
    return {
        each.public_id: {"CreateTime": moment(each.created_at), "Tags": tags[each.public_id]}
        for each in groups
    }


def listeners_of(group: ServerGroup) -> list[dict[str, Any]]:
    """Return the listeners that use a group."""
    return [{"Port": each.port, "Protocol": each.protocol} for each in group.listeners.all()]


def rules_of(group: ServerGroup) -> list[dict[str, Any]]:
    """Return the forwarding rules that use a group."""
    return [
        {
            "RuleId": each.public_id,
            "RuleName": each.name,
            "Domain": each.domain or None,
            "Url": each.path or None,
        }
        for each in group.rules.all()
    ]

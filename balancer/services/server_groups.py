"""Every write to a server group as a whole."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from balancer.actors import Actor
from balancer.domain.names import check_group_name
from balancer.domain.quotas import check_quota
from balancer.exceptions import Conflict, Invalid
from balancer.models import ForwardingRule, Listener, LoadBalancer, ServerGroup
from balancer.services.activity import record_activity
from balancer.services.backend_servers import (
    NewServer,
    create_entries,
    describe_entries,
    list_entries,
)
from balancer.services.locks import check_fresh, lock_group, lock_load_balancer, save_edit
from balancer.services.publishing import request_publish
from balancer.services.tags import forget_tags
from proxy.snapshot import GroupKind

_QUOTAS = {
    GroupKind.VSERVER: "vserver_groups_per_load_balancer",
    GroupKind.PRIMARY_SECONDARY: "primary_secondary_groups_per_load_balancer",
}


@transaction.atomic
def create_server_group(
    *,
    actor: Actor,
    load_balancer: LoadBalancer,
    kind: str,
    name: str,
    servers: Sequence[NewServer] = (),
) -> ServerGroup:
    """Create a VServer or primary/secondary group with its servers, all or nothing (S98, S128)."""
    name = check_group_name(name)
    kind = _check_kind(kind)
    load_balancer = lock_load_balancer(actor, load_balancer.pk)
    siblings = ServerGroup.objects.filter(load_balancer=load_balancer, kind=kind)
    check_quota(
        _QUOTAS[kind],
        current=siblings.count(),
        requested=1,
        what=f"groups of this kind on {load_balancer.name}",
    )
    _check_name_free(siblings, name)
    group = ServerGroup.objects.create(load_balancer=load_balancer, kind=kind, name=name)
    created = create_entries(group, servers)
    record_activity(
        actor,
        "server_group.created",
        group,
        load_balancer=load_balancer,
        after={"name": name, "kind": kind, "servers": describe_entries(created)},
    )
    request_publish(load_balancer)
    return group


@transaction.atomic
def rename_server_group(
    *, actor: Actor, group: ServerGroup, name: str, expected: int | None = None
) -> ServerGroup:
    """Give the group another name; the default group keeps its own."""
    name = check_group_name(name)
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_fresh(group, expected)
    _check_not_default(group)
    if group.name == name:
        return group
    siblings = ServerGroup.objects.filter(load_balancer=load_balancer, kind=group.kind)
    _check_name_free(siblings.exclude(pk=group.pk), name)
    before, group.name = group.name, name
    save_edit(group, "name")
    record_activity(
        actor,
        "server_group.renamed",
        group,
        load_balancer=load_balancer,
        before=before,
        after=name,
    )
    return group


@transaction.atomic
def delete_server_group(*, actor: Actor, group: ServerGroup, expected: int | None = None) -> None:
    """Delete the group; the servers themselves stay (S121). Refused while it is in use (F7.2)."""
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_fresh(group, expected)
    _check_not_default(group)
    users = [
        _user("listener", each)
        for each in Listener.objects.filter(load_balancer=load_balancer)
        if each.sends_to(group)
    ]
    users += [_user("rule", each) for each in group.rules.all()]
    if users:
        names = ", ".join(user["name"] for user in users)
        raise Conflict("group_in_use", f"{group.name} is used by {names}.", users=users)
    record_activity(
        actor,
        "server_group.deleted",
        group,
        load_balancer=load_balancer,
        before={"name": group.name, "servers": describe_entries(list_entries(group))},
    )
    forget_tags([group.public_id])
    group.delete()
    request_publish(load_balancer)


def free_group_name(load_balancer: LoadBalancer, kind: GroupKind) -> str:
    """Return a name for a group that a program creates without one."""
    taken = set(
        ServerGroup.objects.filter(load_balancer=load_balancer, kind=kind).values_list(
            "name", flat=True
        )
    )
    numbers = range(1, len(taken) + 2)
    return next(name for name in (f"{kind.value}-{each}" for each in numbers) if name not in taken)


def _user(kind: str, row: Listener | ForwardingRule) -> dict[str, str]:
    return {"type": kind, "id": row.public_id, "name": str(row)}


def _check_kind(kind: str) -> GroupKind:
    if kind not in _QUOTAS:
        names = " or ".join(each.value for each in _QUOTAS)
        message = f"The kind of a new server group must be {names}; given: {kind!s:.40}."
        raise Invalid("unknown_kind", message, fields={"kind": [message]})
    return GroupKind(kind)


def _check_not_default(group: ServerGroup) -> None:
    if group.is_default:
        raise Conflict(
            "default_group_is_fixed",
            "The default server group lives and ends with its instance and keeps its name.",
        )


def _check_name_free(siblings: QuerySet[ServerGroup], name: str) -> None:
    if siblings.filter(name=name).exists():
        message = f"There is a group named {name} already."
        raise Invalid("name_in_use", message, fields={"name": [message]})

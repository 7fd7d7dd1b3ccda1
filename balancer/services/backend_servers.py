"""Every write to the servers of a group: add, weigh, describe, remove."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from balancer.actors import Actor
from balancer.domain.names import check_description
from balancer.domain.refusals import RefusalCollector
from balancer.domain.weights import check_weight
from balancer.exceptions import Conflict, NotFound, Stale
from balancer.models import BackendServer, LoadBalancer, ServerGroup
from balancer.services.activity import record_activity
from balancer.services.locks import (
    GroupState,
    check_fresh,
    check_group_fresh,
    lock_group,
    lock_load_balancer,
    save_edit,
    save_edits,
)
from balancer.services.new_servers import NewServer, build_entries
from balancer.services.publishing import request_publish
from proxy.snapshot import GroupKind, ServerRole

__all__ = [
    "NewServer",
    "add_servers",
    "check_not_pair",
    "create_entries",
    "describe_entries",
    "describe_server",
    "describe_whole",
    "list_entries",
    "remove_servers",
    "set_server_weight",
    "set_server_weights",
]

_MACHINES = ("ecs_instance", "interface_address__interface", "idc_server")


@transaction.atomic
def add_servers(
    *,
    actor: Actor,
    group: ServerGroup,
    servers: Sequence[NewServer],
    expected: GroupState | None = None,
) -> list[BackendServer]:
    """Add servers to a default or VServer group, all or nothing (S47, E1.8)."""
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_group_fresh(group, expected)
    created = create_entries(group, servers)
    if not created:
        return created
    save_edit(group)
    record_activity(
        actor,
        "servers.added",
        group,
        load_balancer=load_balancer,
        after=describe_entries(created),
    )
    request_publish(load_balancer)
    return created


def create_entries(group: ServerGroup, servers: Sequence[NewServer]) -> list[BackendServer]:
    """Check and store rows of a group that the caller has locked; publish is the caller's."""
    if not servers and group.kind != GroupKind.PRIMARY_SECONDARY:
        return []
    return BackendServer.objects.bulk_create(build_entries(group, servers))


@transaction.atomic
def set_server_weight(
    *,
    actor: Actor,
    server: BackendServer,
    weight: Any,
    expected: int | None = None,
    expected_weight: int | None = None,
) -> BackendServer:
    """Give one backend server a new share of traffic and publish the change (S84)."""
    weight = check_weight(weight)
    load_balancer = _lock_of(actor, server)
    server = _lock_server(server.pk)
    check_fresh(server, expected)
    if expected_weight is not None and server.weight != expected_weight:
        raise Stale(
            "stale_weight",
            f"The weight of {server.name} is {server.weight} now, no longer {expected_weight}.",
            current_weight=server.weight,
            current=server.edit_number,
        )
    if server.weight == weight:
        return server
    before, server.weight = server.weight, weight
    save_edit(server, "weight")
    record_activity(
        actor,
        "server.weight_changed",
        server,
        load_balancer=load_balancer,
        before=before,
        after=weight,
    )
    request_publish(load_balancer)
    return server


@transaction.atomic
def set_server_weights(
    *,
    actor: Actor,
    group: ServerGroup,
    weights: Mapping[str, Any],
    expected: Mapping[str, int] | None = None,
    expected_group: GroupState | None = None,
) -> list[BackendServer]:
    """Give several servers of a group new weights by public id, all or nothing (I7).

    Paths in the error are ``servers[2].weight`` by the place in ``weights``.
    """
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_group_fresh(group, expected_group)
    rows = {
        each.public_id: each for each in _lock_servers(group).filter(public_id__in=list(weights))
    }
    checked = _check_weights(weights, rows)
    for public_id, edit_number in (expected or {}).items():
        if public_id in rows:
            check_fresh(rows[public_id], edit_number)
    changed = [row for row in rows.values() if row.weight != checked[row.public_id]]
    if changed:
        _save_weights(actor, group, load_balancer, changed, checked)
    return list(rows.values())


def _save_weights(
    actor: Actor,
    group: ServerGroup,
    load_balancer: LoadBalancer,
    changed: Sequence[BackendServer],
    weights: Mapping[str, int],
) -> None:
    before = describe_entries(changed)
    for row in changed:
        row.weight = weights[row.public_id]
    save_edits(changed, "weight")
    record_activity(
        actor,
        "servers.weights_changed",
        group,
        load_balancer=load_balancer,
        before=before,
        after=describe_entries(changed),
    )
    request_publish(load_balancer)


@transaction.atomic
def remove_servers(
    *,
    actor: Actor,
    group: ServerGroup,
    server_ids: Collection[str],
    expected: GroupState | None = None,
    expected_servers: Mapping[str, int] | None = None,
) -> list[BackendServer]:
    """Take servers out of a group by public id; ids that are not in it are ignored (S89)."""
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_group_fresh(group, expected)
    check_not_pair(group)
    removed = list(_lock_servers(group).filter(public_id__in=list(server_ids)))
    for row in removed:
        check_fresh(row, (expected_servers or {}).get(row.public_id))
    if not removed:
        return []
    save_edit(group)
    record_activity(
        actor,
        "servers.removed",
        group,
        load_balancer=load_balancer,
        before=describe_entries(removed),
    )
    BackendServer.objects.filter(pk__in=[row.pk for row in removed]).delete()
    request_publish(load_balancer)
    return removed


@transaction.atomic
def describe_server(
    *, actor: Actor, server: BackendServer, description: str, expected: int | None = None
) -> BackendServer:
    """Change the note on a server; nothing about its traffic changes."""
    description = check_description(description)
    load_balancer = _lock_of(actor, server)
    server = _lock_server(server.pk)
    check_fresh(server, expected)
    if server.description == description:
        return server
    before, server.description = server.description, description
    save_edit(server, "description")
    record_activity(
        actor,
        "server.described",
        server,
        load_balancer=load_balancer,
        before=before,
        after=description,
    )
    return server


def list_entries(group: ServerGroup) -> QuerySet[BackendServer]:
    """Return the rows of a group with their machines, in the order they were added."""
    return group.servers.select_related(*_MACHINES).order_by("pk")


def describe_entries(rows: Iterable[BackendServer]) -> list[dict[str, Any]]:
    """Return what the activity log keeps of servers."""
    return [
        {
            "server": row.machine_id,
            "name": row.name,
            "address": row.address,
            "port": row.port,
            "weight": row.weight,
        }
        | ({} if row.role == ServerRole.MEMBER else {"role": str(row.role)})
        for row in rows
    ]


def describe_whole(rows: Iterable[BackendServer]) -> list[dict[str, Any]]:
    """Return what the activity log keeps where a description may change, too."""
    rows = list(rows)
    entries = describe_entries(rows)
    return [
        entry | {"description": row.description} for entry, row in zip(entries, rows, strict=True)
    ]


def _lock_of(actor: Actor, server: BackendServer) -> LoadBalancer:
    load_balancer = lock_load_balancer(actor, server.group.load_balancer_id)
    lock_group(server.group_id)
    return load_balancer


def _lock_server(server_pk: int) -> BackendServer:
    server = (
        BackendServer.objects.select_for_update(of=("self",))
        .select_related("group", *_MACHINES)
        .filter(pk=server_pk)
        .first()
    )
    if server is None:  # F3.5
        raise NotFound("server_not_in_group", "This server is no longer in this group.")
    return server


def _lock_servers(group: ServerGroup) -> QuerySet[BackendServer]:
    return list_entries(group).select_for_update(of=("self",))


def _check_weights(weights: Mapping[str, Any], rows: Mapping[str, BackendServer]) -> dict[str, int]:
    collector, checked = RefusalCollector(), dict[str, int]()
    for at, (public_id, weight) in enumerate(weights.items()):
        if public_id not in rows:
            message = f"{public_id:.40} is not in this group any more; leave it out."
            collector.add(f"servers[{at}].id", "server_not_in_group", message)
        with collector.gathering():
            checked[public_id] = check_weight(weight, f"servers[{at}].weight")
    collector.finish()
    return checked


def check_not_pair(group: ServerGroup) -> None:
    """Raise Conflict for a group whose servers never change."""
    if group.kind == GroupKind.PRIMARY_SECONDARY:
        raise Conflict(
            "pair_is_fixed",
            "A primary/secondary group keeps its two servers; create another group instead.",
        )

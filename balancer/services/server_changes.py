"""Changes several servers of a group in one step: some go, some change, some come."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from balancer.actors import Actor
from balancer.domain.names import check_description
from balancer.domain.refusals import RefusalCollector
from balancer.domain.weights import check_weight
from balancer.exceptions import NotFound
from balancer.models import BackendServer, LoadBalancer, ServerGroup
from balancer.services.activity import record_activity
from balancer.services.backend_servers import (
    NewServer,
    check_not_pair,
    create_entries,
    describe_entries,
    describe_whole,
    list_entries,
)
from balancer.services.locks import lock_group, lock_load_balancer, save_edit, save_edits
from balancer.services.publishing import request_publish


@dataclass(frozen=True, slots=True)
class ServerEdit:
    """New values of one server; None leaves a value as it is."""

    weight: Any = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ServerChanges:
    """What happens to the servers of a group: by public id, but for those that come."""

    remove: Collection[str] = ()
    edit: Mapping[str, ServerEdit] = field(default_factory=dict)
    add: Sequence[NewServer] = ()


@transaction.atomic
def change_servers(*, actor: Actor, group: ServerGroup, changes: ServerChanges) -> None:
    """Carry out all of the changes and publish them once, or refuse them whole.

    A server that changes keeps its row, so what it serves goes on. Ids to remove that are not in
    the group are ignored (S89).
    """
    load_balancer = lock_load_balancer(actor, group.load_balancer_id)
    group = lock_group(group.pk)
    check_not_pair(group)
    rows = {row.public_id: row for row in list_entries(group).select_for_update(of=("self",))}
    removed = [row for public_id, row in rows.items() if public_id in changes.remove]
    was = dict(zip(rows, describe_whole(rows.values()), strict=True))
    edited = _apply(changes.edit, rows)
    if removed:
        BackendServer.objects.filter(pk__in=[row.pk for row in removed]).delete()
    save_edits(edited, "weight", "description")
    added = create_entries(group, changes.add)
    if not (removed or edited or added):
        return
    if removed or added:
        save_edit(group)
    _record(actor, group, load_balancer, removed=removed, added=added)
    if edited:
        record_activity(
            actor,
            "servers.changed",
            group,
            load_balancer=load_balancer,
            before=[was[row.public_id] for row in edited],
            after=describe_whole(edited),
        )
    request_publish(load_balancer)


def _apply(
    edits: Mapping[str, ServerEdit], rows: Mapping[str, BackendServer]
) -> list[BackendServer]:
    """Return the rows that become different, with their new values and not saved yet."""
    collector, edited = RefusalCollector(), []
    for at, (public_id, edit) in enumerate(edits.items()):
        row = rows.get(public_id)
        if row is None:
            raise NotFound("server_not_in_group", f"{public_id:.40} is not in this group any more.")
        weight, description = row.weight, row.description
        with collector.gathering():
            if edit.weight is not None:
                weight = check_weight(edit.weight, f"servers[{at}].weight")
        with collector.gathering():
            if edit.description is not None:
                description = check_description(edit.description, f"servers[{at}].description")
        if (weight, description) != (row.weight, row.description):
            row.weight, row.description = weight, description
            edited.append(row)
    collector.finish()
    return edited


def _record(
    actor: Actor,
    group: ServerGroup,
    load_balancer: LoadBalancer,
    *,
    removed: Sequence[BackendServer],
    added: Sequence[BackendServer],
) -> None:
    if removed:
        facts = describe_entries(removed)
        record_activity(actor, "servers.removed", group, load_balancer=load_balancer, before=facts)
    if added:
        facts = describe_entries(added)
        record_activity(actor, "servers.added", group, load_balancer=load_balancer, after=facts)

"""Row locks in their one order: load balancer, group, server, PublishHead.

SQLite ignores them; there, IMMEDIATE transactions keep writers in line.
"""

from balancer.actors import Actor
from balancer.choices import Entrance, LoadBalancerStatus
from balancer.exceptions import Conflict, NotFound, Protected, Stale
from balancer.models import Activity, BackendServer, LoadBalancer, ServerGroup
from balancer.models.base import EditedModel


def lock_load_balancer(
    actor: Actor, load_balancer_pk: int, *, protection_applies: bool = True
) -> LoadBalancer:
    """Return the load balancer, locked, for a change; raise when it is gone or protected."""
    load_balancer = (
        LoadBalancer.objects.select_for_update(of=("self",))
        .select_related("region")
        .filter(pk=load_balancer_pk)
        .first()
    )
    if load_balancer is None:
        raise NotFound("load_balancer_not_found", "This load balancer does not exist any more.")
    if load_balancer.status == LoadBalancerStatus.LOCKED:
        raise Conflict(
            "load_balancer_locked",
            f"{load_balancer.name} is locked; nothing about it can be changed.",
        )
    is_protected = load_balancer.modification_protection and protection_applies
    if is_protected and actor.entrance == Entrance.CONSOLE:
        raise Protected(
            "modification_protected",
            f"{load_balancer.name} is protected against changes in the console; turn the "
            "protection off on its Instance Details page first.",
            reason=load_balancer.modification_protection_reason,
            load_balancer=load_balancer.public_id,
        )
    return load_balancer


def lock_group(group_pk: int) -> ServerGroup:
    """Return the group, locked; raise NotFound when it is gone."""
    group = (
        ServerGroup.objects.select_for_update(of=("self",))
        .select_related("load_balancer__region")
        .filter(pk=group_pk)
        .first()
    )
    if group is None:
        raise NotFound("group_not_found", "This server group does not exist any more.")
    return group


def check_fresh(row: EditedModel, expected: int | None) -> None:
    """Raise Stale when the row changed since the caller read ``expected``, its edit number."""
    if expected is None or row.edit_number == expected:
        return
    public_id = str(getattr(row, "public_id", row.pk))
    objects = [public_id]
    if isinstance(row, BackendServer):
        objects.append(row.group.public_id)  # where changes of several servers are recorded
    last = Activity.objects.filter(object_id__in=objects).first()
    who = last.actor_name if last else "somebody else"
    raise Stale(
        "stale",
        f"{row} was changed by {who} since you opened it; look at it again, then repeat your "
        "change.",
        id=public_id,
        current=row.edit_number,
        expected=expected,
        changed_by=last.actor_name if last else "",
        changed_at=row.updated_at.isoformat(),
    )


def save_edit(row: EditedModel, *fields: str) -> None:
    """Save the fields and raise the row's edit number."""
    row.edit_number += 1
    row.save(update_fields=[*fields, "edit_number", "updated_at"])

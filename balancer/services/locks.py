"""Row locks in their one order: addresses, load balancer, group, server, machine, PublishHead.

Rows of one table are locked by key, heads by load balancer id. PostgreSQL checks foreign keys at
the commit and locks their targets then: what a change points at is locked beforehand, in its
place of the order, where others lock it too. SQLite ignores locks of rows; there, IMMEDIATE
transactions keep writers in line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F, Model, Sum
from django.utils import timezone

from balancer.actors import Actor
from balancer.choices import Entrance, LoadBalancerStatus
from balancer.exceptions import Conflict, NotFound, Protected, Stale
from balancer.models import Activity, BackendServer, LoadBalancer, Region, ServerGroup
from balancer.models.base import EditedModel

Row = TypeVar("Row", bound=Model)


def lock_addresses() -> None:
    """Let nobody else take an address: several tables hold them, and no constraint sees all."""
    list(Region.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def lock_row(row: Row) -> Row:
    """Return the row as it is now, locked; raise NotFound when it is gone."""
    model = type(row)
    locked = model._default_manager.select_for_update().filter(pk=row.pk).first()
    if locked is None:
        noun = str(model._meta.verbose_name)
        raise NotFound(
            f"{noun.lower().replace(' ', '_')}_not_found", f"This {noun} does not exist any more."
        )
    return locked


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
        raise protection_refusal(
            load_balancer,
            "modification",
            "changes in the console",
            reason=load_balancer.modification_protection_reason,
        )
    return load_balancer


def protection_refusal(
    load_balancer: LoadBalancer, kind: str, act: str, *, reason: str = ""
) -> Protected:
    """Return the refusal: who protects the load balancer, why, and where to turn that off."""
    action = f"load_balancer.{kind}_protection_changed"
    entries = Activity.objects.filter(object_id=load_balancer.public_id, action=action)
    last = entries.first()
    told = f"{load_balancer.name} is protected against {act}"
    told += f", by {last.actor_name}" if last else ""
    told += f": {reason}" if reason else ""
    return Protected(
        f"{kind}_protected",
        f"{told.rstrip('.')}. Turn the {kind} protection off on its Instance Details page first.",
        reason=reason,
        load_balancer=load_balancer.public_id,
        protected_by=last.actor_name if last else "",
    )


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
        changed_by=last.actor_name if last else "",
        changed_at=row.updated_at.isoformat(),
    )


def save_edit(row: EditedModel, *fields: str) -> None:
    """Save the fields and raise the row's edit number."""
    row.edit_number += 1
    row.save(update_fields=[*fields, "edit_number", "updated_at"])


def save_edits(rows: Sequence[EditedModel], *fields: str) -> None:
    """Save the fields of rows of one model, one statement for all that become alike in them.

    Thousands of rows get few weights, so that is a few statements; a bulk update in one would
    name each row's values, and takes ten times as long.
    """
    now = timezone.now()
    alike: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        row.edit_number += 1
        row.updated_at = now
        alike.setdefault(tuple(getattr(row, name) for name in fields), []).append(row.pk)
    for values, keys in alike.items():
        same = type(rows[0])._default_manager.filter(pk__in=keys)
        same.update(
            **dict(zip(fields, values, strict=True)),
            edit_number=F("edit_number") + 1,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True)
class GroupState:
    """How a group was when somebody read it; ``servers`` stands for the rows of its servers.

    It is the sum of their edit numbers: it rises with every change to one of them, and servers
    come and go under a new edit number of the group. None stands for any.
    """

    edit_number: int
    servers: int | None = None

    def __str__(self) -> str:
        return (
            str(self.edit_number) if self.servers is None else f"{self.edit_number}-{self.servers}"
        )


def state_of_group(group: ServerGroup) -> GroupState:
    """Return how the group and its servers are now."""
    servers = BackendServer.objects.filter(group=group).aggregate(total=Sum("edit_number"))
    return GroupState(group.edit_number, servers["total"] or 0)


def check_group_fresh(group: ServerGroup, expected: GroupState | None) -> None:
    """Raise Stale when the group, locked, or one of its servers is not as the caller read it."""
    if expected is None:
        return
    state = state_of_group(group)
    is_same = group.edit_number == expected.edit_number
    if is_same and expected.servers in (None, state.servers):
        return
    raise Stale(
        "stale",
        f"The servers of {group} were changed since you read them; look at them again, then repeat "
        "your change.",
        id=group.public_id,
        current=str(state),
    )

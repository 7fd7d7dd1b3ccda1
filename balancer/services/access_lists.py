"""Every write to an access list and its networks.

What changes a list's networks publishes each load balancer that has a running listener with it.
The list's own lock is enough for that: whoever gives the list to a listener locks it too.
"""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from balancer.actors import Actor
from balancer.choices import ListenerStatus
from balancer.domain.access import NewEntry, check_entries, check_network
from balancer.domain.names import check_group_name
from balancer.domain.quotas import check_quota
from balancer.domain.refusals import RefusalCollector
from balancer.exceptions import Conflict
from balancer.models import AccessList, AccessListEntry, LoadBalancer, Region
from balancer.services.activity import record_activity
from balancer.services.locks import check_fresh, lock_row, save_edit
from balancer.services.publishing import request_publish
from balancer.services.tags import forget_tags


@transaction.atomic
def create_access_list(
    *, actor: Actor, region: Region, name: str, entries: Sequence[NewEntry] = ()
) -> AccessList:
    """Create a list with its first networks, all or nothing."""
    name = check_group_name(name)
    lock_row(region)  # for the last place of the quota
    check_quota(
        "access_lists",
        current=AccessList.objects.count(),
        requested=1,
        what="access lists in this installation",
    )
    access_list = AccessList(region=region, name=name)
    checked = _check_new(access_list, entries, set())
    access_list.save()
    _create(access_list, checked)
    record_activity(
        actor,
        "access_list.created",
        access_list,
        after={"name": name, "networks": [network for network, _ in checked]},
    )
    return access_list


@transaction.atomic
def rename_access_list(
    *, actor: Actor, access_list: AccessList, name: str, expected: int | None = None
) -> AccessList:
    """Give the list another name."""
    name = check_group_name(name)
    access_list = lock_row(access_list)
    check_fresh(access_list, expected)
    if access_list.name == name:
        return access_list
    before, access_list.name = access_list.name, name
    save_edit(access_list, "name")
    record_activity(actor, "access_list.renamed", access_list, before=before, after=name)
    return access_list


@transaction.atomic
def add_entries(
    *,
    actor: Actor,
    access_list: AccessList,
    entries: Sequence[NewEntry],
    expected: int | None = None,
) -> list[AccessListEntry]:
    """Add networks to the list, all of them or none."""
    access_list = lock_row(access_list)
    check_fresh(access_list, expected)
    known = set(access_list.entries.values_list("network", flat=True))
    checked = _check_new(access_list, entries, known)
    if not checked:
        return []
    created = _create(access_list, checked)
    save_edit(access_list)
    after = {"added": [entry.network for entry in created]}
    record_activity(actor, "access_list.entries_added", access_list, after=after)
    _publish_users(access_list)
    return created


@transaction.atomic
def remove_entries(
    *,
    actor: Actor,
    access_list: AccessList,
    networks: Sequence[Any],
    expected: int | None = None,
) -> list[str]:
    """Take networks out of the list and return them; those that are not in it are passed over."""
    wanted = _read_networks(networks)
    access_list = lock_row(access_list)
    check_fresh(access_list, expected)
    entries = access_list.entries.filter(network__in=wanted)
    removed = sorted(entries.values_list("network", flat=True))
    if not removed:
        return []
    entries.delete()
    save_edit(access_list)
    before = {"removed": removed}
    record_activity(actor, "access_list.entries_removed", access_list, before=before)
    _publish_users(access_list)
    return removed


@transaction.atomic
def delete_access_list(
    *, actor: Actor, access_list: AccessList, expected: int | None = None
) -> None:
    """Delete a list that no listener uses."""
    access_list = lock_row(access_list)
    check_fresh(access_list, expected)
    listeners = access_list.listeners.select_related("load_balancer")
    users = [
        {"type": "listener", "id": each.public_id, "name": f"{each} of {each.load_balancer.name}"}
        for each in listeners
    ]
    if users:
        names = ", ".join(user["name"] for user in users)
        message = f"{access_list.name} is used by {names}; take it out there first."
        raise Conflict("access_list_in_use", message, users=users)
    networks = list(access_list.entries.values_list("network", flat=True))
    record_activity(
        actor,
        "access_list.deleted",
        access_list,
        before={"name": access_list.name, "networks": networks},
    )
    forget_tags([access_list.public_id])
    access_list.delete()


def _check_new(
    access_list: AccessList, entries: Sequence[NewEntry], known: set[str]
) -> list[tuple[str, str]]:
    checked = check_entries(entries, known)
    check_quota(
        "entries_per_access_list",
        current=len(known),
        requested=len(checked),
        what=f"networks in {access_list.name}",
    )
    return checked


def _read_networks(networks: Sequence[Any]) -> list[str]:
    collector, found = RefusalCollector(), list[str]()
    for at, network in enumerate(networks):
        with collector.gathering():
            found.append(check_network(network, f"networks[{at}]"))
    collector.finish()
    return found


def _create(access_list: AccessList, checked: Sequence[tuple[str, str]]) -> list[AccessListEntry]:
    return AccessListEntry.objects.bulk_create(
        AccessListEntry(access_list=access_list, network=network, description=description)
        for network, description in checked
    )


def _publish_users(access_list: AccessList) -> None:
    """Publish every load balancer with a running listener that has the list, in id order."""
    keys = access_list.listeners.filter(
        access_enabled=True, status=ListenerStatus.RUNNING
    ).values_list("load_balancer_id", flat=True)
    for load_balancer in LoadBalancer.objects.filter(pk__in=set(keys)).order_by("public_id"):
        request_publish(load_balancer)

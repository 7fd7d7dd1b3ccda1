"""The access lists of a listener: which are chosen, and whether they may be."""

from collections.abc import Iterable
from typing import Any

from balancer.domain.access import check_access
from balancer.domain.quotas import check_quota, limit
from balancer.domain.refusals import RefusalCollector
from balancer.exceptions import Invalid
from balancer.models import AccessList, Listener


def without_access(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the changes; turning access control off takes its kind and lists away with it."""
    if changes.get("access_enabled") is False:
        return {"access_kind": "", "access_lists": []} | changes
    return changes


def lock_access_lists(lists: Iterable[AccessList]) -> list[AccessList]:
    """Return the lists as they are now, locked in their order; raise Invalid when one is gone."""
    wanted = {each.pk: each.public_id for each in lists}
    rows = AccessList.objects.select_for_update(of=("self",)).filter(pk__in=wanted)
    found = list(rows.order_by("pk")) if wanted else []
    gone = wanted.keys() - {each.pk for each in found}
    if gone:
        names = ", ".join(wanted[pk] for pk in sorted(gone))
        raise _refusal("access_list_not_found", f"There is no access list {names} any more.")
    return found


def check_listener_access(listener: Listener, lists: list[AccessList]) -> None:
    """Raise Invalid unless the listener's access control is whole with these lists."""
    check_access(enabled=listener.access_enabled, kind=listener.access_kind, lists=len(lists))
    most = limit("access_lists_per_listener")
    if len(lists) > most:
        message = f"A listener has at most {most} access lists; given: {len(lists)}."
        raise _refusal("too_many_access_lists", message)
    collector = RefusalCollector()
    region = listener.load_balancer.region
    for each in lists:
        if each.region_id != region.pk:
            message = f"{each.name} belongs to another region than {listener.load_balancer.name}."
            collector.add("access_lists", "foreign_access_list", message)
    collector.finish()
    for each in lists:
        check_quota(
            "listeners_per_access_list",
            current=each.listeners.exclude(pk=listener.pk).count(),
            requested=1,
            what=f"listeners with the access list {each.name}",
        )


def describe_access_lists(lists: Iterable[AccessList]) -> dict[str, list[str]]:
    """Return the lists by their ids, as they are recorded."""
    return {"access_lists": [each.public_id for each in lists]}


def _refusal(code: str, message: str) -> Invalid:
    return Invalid(code, message, fields={"access_lists": [message]})

"""Reads of access lists."""

from typing import Any

from django.db.models import Count, QuerySet

from balancer.models import AccessList, AccessListEntry
from balancer.rights import Right
from balancer.selectors.finding import find, visible


def list_access_lists(*, user: Any, region_id: str | None = None) -> QuerySet[AccessList]:
    """Return access lists by name."""
    rows = visible(AccessList.objects.select_related("region").order_by("name", "pk"), user)
    return rows if region_id is None else rows.filter(region__public_id=region_id)


def count_entries(rows: QuerySet[AccessList]) -> QuerySet[AccessList]:
    """Return the rows, each with ``entry_count`` and the listeners that use it."""
    counted = rows.annotate(entry_count=Count("entries"))
    return counted.prefetch_related("listeners__load_balancer__region")


def get_access_list(
    *, user: Any, right: Right, access_list_id: str, region_id: str | None = None
) -> AccessList:
    """Return one; in another region than the given one it is not found."""
    rows = list_access_lists(user=user, region_id=region_id)
    return find(rows, user=user, right=right, public_id=access_list_id, what="access list")


def list_entries(access_list: AccessList) -> QuerySet[AccessListEntry]:
    """Return the networks of a list; the caller has found it with a right."""
    return access_list.entries.order_by("network")

"""Reads of tags; the caller has found the resources with a right."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Count, QuerySet

from balancer.choices import TaggedResource
from balancer.models import Tag
from balancer.selectors.finding import visible


def list_all_tags(*, user: Any) -> QuerySet[Tag]:
    """Return the tags of everything, by what carries them and the key."""
    return visible(Tag.objects.all(), user)


def list_tags(
    *,
    user: Any,
    resource_type: TaggedResource,
    resource_ids: Iterable[str] | None = None,
) -> QuerySet[Tag]:
    """Return the tags of one kind of resource by its id and the key."""
    rows = visible(Tag.objects.filter(resource_type=resource_type), user)
    return rows if resource_ids is None else rows.filter(resource_id__in=list(resource_ids))


def tags_by_resource(
    *, user: Any, resource_type: TaggedResource, resource_ids: Iterable[str]
) -> Mapping[str, Sequence[Tag]]:
    """Return the tags of each of the resources that has any, in one query."""
    found: dict[str, list[Tag]] = {}
    rows = list_tags(user=user, resource_type=resource_type, resource_ids=resource_ids)
    for row in rows:
        found.setdefault(row.resource_id, []).append(row)
    return found


def resource_ids_with_tags(
    *, user: Any, resource_type: TaggedResource, wanted: Iterable[tuple[str, str | None]]
) -> set[str]:
    """Return the ids that carry every one of the tags; None stands for any value."""
    ids: set[str] | None = None
    for key, value in wanted:
        rows = list_tags(user=user, resource_type=resource_type).filter(key=key)
        if value is not None:
            rows = rows.filter(value=value)
        found = set(rows.values_list("resource_id", flat=True))
        ids = found if ids is None else ids & found
    return ids or set()


def count_tags(
    *, user: Any, resource_type: TaggedResource, resource_ids: Any
) -> list[tuple[str, str, int]]:
    """Return key, value and on how many of the resources each tag is; ids may be a query."""
    rows = list_tags(user=user, resource_type=resource_type).order_by("key", "value")
    rows = rows.filter(resource_id__in=resource_ids)
    return list(rows.values_list("key", "value").annotate(resources=Count("pk")))

"""Every write to tags."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Model

from balancer.actors import Actor
from balancer.choices import TaggedResource
from balancer.domain.quotas import check_quota
from balancer.domain.tags import check_tags
from balancer.exceptions import Stale
from balancer.models import (
    AccessList,
    Certificate,
    EcsInstance,
    Listener,
    LoadBalancer,
    ServerGroup,
    Tag,
)
from balancer.services.activity import record_activity
from balancer.services.locks import lock_row
from proxy.snapshot import GroupKind

Tagged = LoadBalancer | Listener | ServerGroup | Certificate | AccessList | EcsInstance

_RESOURCE_OF_MODEL: Mapping[type[Model], TaggedResource] = {
    LoadBalancer: TaggedResource.LOAD_BALANCER,
    Listener: TaggedResource.LISTENER,
    Certificate: TaggedResource.CERTIFICATE,
    AccessList: TaggedResource.ACCESS_LIST,
    EcsInstance: TaggedResource.ECS_INSTANCE,
}


def resource_type_of(row: Tagged) -> TaggedResource:
    """Return as what the row carries tags."""
    if isinstance(row, ServerGroup):
        is_pair = row.kind == GroupKind.PRIMARY_SECONDARY
        return TaggedResource.PRIMARY_SECONDARY_GROUP if is_pair else TaggedResource.VSERVER_GROUP
    return _RESOURCE_OF_MODEL[type(row)]


@transaction.atomic
def set_tags(*, actor: Actor, resources: Sequence[Tagged], tags: Mapping[str, str]) -> None:
    """Give every one of the resources the tags; the value of a key that is there changes."""
    tags = check_tags(tags)
    for resource in sorted(resources, key=lambda each: each.public_id):
        _set_tags(actor, lock_row(resource), tags)


def _set_tags(actor: Actor, resource: Tagged, tags: Mapping[str, str]) -> None:
    rows = _tags_of(resource)
    before = {row.key: row.value for row in rows}
    after = {**before, **tags}
    check_quota(
        "tags_per_resource",
        current=len(before),
        requested=len(after) - len(before),
        what=f"tags on {resource}",
    )
    if before == after:
        return
    for row in rows:
        if row.value != after[row.key]:
            row.value = after[row.key]
            row.save(update_fields=["value"])
    fresh = {key: value for key, value in tags.items() if key not in before}
    key = {"resource_type": resource_type_of(resource), "resource_id": resource.public_id}
    Tag.objects.bulk_create(Tag(key=name, value=value, **key) for name, value in fresh.items())
    _record(actor, resource, before, after)


@transaction.atomic
def remove_tags(
    *, actor: Actor, resources: Sequence[Tagged], keys: Collection[str] | None = None
) -> None:
    """Take tags off every one of the resources, all of them without ``keys``."""
    for resource in sorted(resources, key=lambda each: each.public_id):
        resource = lock_row(resource)
        rows = _tags_of(resource)
        gone = [row for row in rows if keys is None or row.key in keys]
        if gone:
            before = {row.key: row.value for row in rows}
            after = {row.key: row.value for row in rows if row not in gone}
            Tag.objects.filter(pk__in=[row.pk for row in gone]).delete()
            _record(actor, resource, before, after)


@transaction.atomic
def replace_tags(
    *,
    actor: Actor,
    resource: Tagged,
    tags: Mapping[str, str],
    expected: Mapping[str, str] | None = None,
) -> None:
    """Make these the tags of the resource; refused when it had others than the caller read."""
    tags = check_tags(tags)
    resource = lock_row(resource)
    rows = _tags_of(resource)
    before = {row.key: row.value for row in rows}
    if expected is not None and before != expected:
        message = f"The tags of {resource} were changed since you read them; look at them again."
        raise Stale("stale", message)
    check_quota("tags_per_resource", current=0, requested=len(tags), what=f"tags on {resource}")
    if before == tags:
        return
    gone = [row.pk for row in rows if tags.get(row.key) != row.value]
    Tag.objects.filter(pk__in=gone).delete()
    key = {"resource_type": resource_type_of(resource), "resource_id": resource.public_id}
    fresh = {name: value for name, value in tags.items() if before.get(name) != value}
    Tag.objects.bulk_create(Tag(key=name, value=value, **key) for name, value in fresh.items())
    _record(actor, resource, before, tags)


def forget_tags(resource_ids: Iterable[str]) -> None:
    """Delete the tags of resources that are deleted in the same transaction."""
    Tag.objects.filter(resource_id__in=list(resource_ids)).delete()


def _tags_of(resource: Tagged) -> list[Tag]:
    rows = Tag.objects.filter(
        resource_type=resource_type_of(resource), resource_id=resource.public_id
    )
    return list(rows)


def _record(
    actor: Actor, resource: Tagged, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    owner = resource if isinstance(resource, LoadBalancer) else None
    owner = owner or getattr(resource, "load_balancer", None)
    record_activity(
        actor,
        f"{resource._meta.verbose_name!s}.tags_changed".replace(" ", "_").lower(),
        resource,
        load_balancer=owner,
        before=dict(before),
        after=dict(after),
    )

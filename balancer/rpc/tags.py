"""Tags on the wire: what they are put on, lists of them, and how answers show them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from balancer.choices import TaggedResource
from balancer.domain.quotas import limit
from balancer.models import Tag
from balancer.rpc.errors import RpcError
from balancer.rpc.parameters import Parameters, TagPair
from balancer.rpc.registry import Caller
from balancer.selectors.tags import resource_ids_with_tags, tags_by_resource

RESOURCE_OF_WORD: Final[Mapping[str, TaggedResource]] = {
    "instance": TaggedResource.LOAD_BALANCER,
    "listener": TaggedResource.LISTENER,
    "vservergroup": TaggedResource.VSERVER_GROUP,
    "masterslaveservergroup": TaggedResource.PRIMARY_SECONDARY_GROUP,
    "certificate": TaggedResource.CERTIFICATE,
    "acl": TaggedResource.ACCESS_LIST,
}


def read_tag_pairs(parameters: Parameters) -> list[TagPair]:
    """Return the tags of ``Tag.N.Key`` and ``Tag.N.Value``; raise for one without a key."""
    pairs = parameters.tags()
    if len(pairs) > limit("tags_per_resource"):
        raise RpcError("SizeLimitExceeded.Tag", "A call may have at most 20 tags.")
    for pair in pairs:
        if not pair.key:
            raise RpcError("MissingParam.TagKey", "The param TagKey is missing.")
    return pairs


def read_new_tags(parameters: Parameters) -> dict[str, str]:
    """Return the tags to set; raise when one key is named twice."""
    return as_new_tags(read_tag_pairs(parameters))


def as_new_tags(pairs: Sequence[TagPair]) -> dict[str, str]:
    """Return tags to set by their keys; raise when one key is named twice."""
    tags = {pair.key: pair.value or "" for pair in pairs}
    if len(tags) != len(pairs):
        raise RpcError("Duplicate.TagKey", "A tag key may be named once only.")
    return tags


def read_old_tags(parameters: Parameters, code: str = "InvalidParameter") -> list[TagPair]:
    """Return the tags of the older parameter, a list of TagKey and TagValue inside a text."""
    members = parameters.objects("Tags", malformed=code)
    pairs = []
    for each in members:
        key, value = each.get("tagkey", ""), each.get("tagvalue")
        if not isinstance(key, str) or not key or not isinstance(value, str | None):
            raise RpcError(code, "A member of Tags needs a TagKey, and texts only.")
        pairs.append(TagPair(key, value))
    return pairs


def ids_with_tags(
    caller: Caller, resource_type: TaggedResource, pairs: Sequence[TagPair]
) -> set[str] | None:
    """Return the ids of what carries all of the tags, None when none is asked for."""
    if not pairs:
        return None
    wanted = [(pair.key, pair.value) for pair in pairs]
    return resource_ids_with_tags(user=caller.user, resource_type=resource_type, wanted=wanted)


def tags_payload(tags: Iterable[Tag]) -> list[dict[str, str]]:
    """Return tags as answers show them."""
    return [{"TagKey": tag.key, "TagValue": tag.value} for tag in tags]


def tags_of(
    caller: Caller, resource_type: TaggedResource, resource_ids: Iterable[str]
) -> Mapping[str, dict[str, Any]]:
    """Return the ``Tags`` of each resource, in their wrapper."""
    ids = list(resource_ids)
    found = tags_by_resource(user=caller.user, resource_type=resource_type, resource_ids=ids)
    return {each: {"Tag": tags_payload(found.get(each, ()))} for each in ids}

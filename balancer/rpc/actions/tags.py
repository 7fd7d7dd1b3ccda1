"""Tags, in the newer way for every kind of resource and in the older one for instances."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from balancer.choices import TaggedResource
from balancer.exceptions import BalancerError, NotFound
from balancer.models import Listener
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_load_balancer, find_region, or_refuse
from balancer.rpc.parameters import Parameters, bad_value
from balancer.rpc.parts import MAX_PAGE, read_token, write_token
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.tags import (
    RESOURCE_OF_WORD,
    as_new_tags,
    read_new_tags,
    read_old_tags,
    read_tag_pairs,
)
from balancer.selectors.access_lists import get_access_list
from balancer.selectors.certificates import get_certificate
from balancer.selectors.listeners import list_listeners
from balancer.selectors.load_balancers import get_load_balancer, list_load_balancers
from balancer.selectors.server_groups import get_server_group
from balancer.selectors.tags import count_tags, list_tags, resource_ids_with_tags
from balancer.services.tags import Tagged, remove_tags, set_tags
from proxy.snapshot import GroupKind

MAX_RESOURCES: Final = 51
MAX_OLD_TAGS: Final = 10
PART: Final = 50
MAX_PAGE_SIZE: Final = 100
_WORD_OF_RESOURCE = {resource: word for word, resource in RESOURCE_OF_WORD.items()}


@action("TagResources")
def tag_resources(caller: Caller, parameters: Parameters) -> Payload:
    """Put tags on resources; a key that is there gets the new value."""
    resource_type = _read_type(caller, parameters)
    ids = _read_ids(parameters)
    tags = read_new_tags(parameters)
    if not tags:
        raise RpcError("MissingParam.TagKey", "The param TagKey is missing.")
    resources = [_find(caller, resource_type, each) for each in ids]
    set_tags(actor=caller.actor, resources=resources, tags=tags)
    return {}


@action("UntagResources")
def untag_resources(caller: Caller, parameters: Parameters) -> Payload:
    """Take tags off resources by key, or all of them."""
    resource_type = _read_type(caller, parameters)
    ids = _read_ids(parameters)
    keys = parameters.numbered("TagKey")
    if len(keys) > 20:
        raise RpcError("SizeLimitExceeded.TagKey", "A call may have at most 20 tag keys.")
    if not keys and not parameters.boolean("All"):
        raise RpcError("MissingParam.TagKey", "The param TagKey is missing.")
    resources = [_find(caller, resource_type, each) for each in ids]
    remove_tags(actor=caller.actor, resources=resources, keys=keys or None)
    return {}


@action("ListTagResources")
def list_tag_resources(caller: Caller, parameters: Parameters) -> Payload:
    """List tags by resource, by tag, or both, a part at a time."""
    resource_type = _read_type(caller, parameters)
    wire_ids, pairs = parameters.numbered("ResourceId"), read_tag_pairs(parameters)
    if not wire_ids and not pairs:
        raise RpcError(
            "MissingParam.TagOrResourceId", "A call must name a ResourceId or a Tag at least."
        )
    _check_size(wire_ids)
    names = _public_ids(caller, resource_type, wire_ids) if wire_ids else None
    ids = None if names is None else set(names)
    if pairs:
        wanted = [(pair.key, pair.value) for pair in pairs]
        tagged = resource_ids_with_tags(
            user=caller.user, resource_type=resource_type, wanted=wanted
        )
        ids = tagged if ids is None else ids & tagged
    rows = list_tags(user=caller.user, resource_type=resource_type, resource_ids=ids)
    start = read_token(parameters, "InvalidParam.NextToken")
    part = list(rows[start : start + PART + 1])
    shown = part[:PART]
    known = names or _wire_ids(caller, resource_type, {row.resource_id for row in shown})
    return {
        "NextToken": write_token(start + PART if len(part) > PART else None),
        "TagResources": {
            "TagResource": [
                {
                    "ResourceId": known.get(row.resource_id, row.resource_id),
                    "ResourceType": _WORD_OF_RESOURCE[resource_type],
                    "TagKey": row.key,
                    "TagValue": row.value,
                }
                for row in shown
            ]
        },
    }


@action("AddTags")
def add_tags(caller: Caller, parameters: Parameters) -> Payload:
    """Put tags on one instance, in the older way."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    tags = as_new_tags(_read_old(parameters))
    with _in_older_words():
        set_tags(actor=caller.actor, resources=[load_balancer], tags=tags)
    return {}


@action("RemoveTags")
def remove_old_tags(caller: Caller, parameters: Parameters) -> Payload:
    """Take tags off one instance, in the older way."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    keys = [pair.key for pair in _read_old(parameters)]
    remove_tags(actor=caller.actor, resources=[load_balancer], keys=keys)
    return {}


@action("DescribeTags")
def describe_tags(caller: Caller, parameters: Parameters) -> Payload:
    """List the tags of instances with how many instances have each."""
    region = find_region(caller, parameters)
    page = parameters.integer("PageNumber", minimum=1, maximum=MAX_PAGE) or 1
    size = parameters.integer("PageSize", minimum=1, maximum=MAX_PAGE_SIZE) or PART
    instances = list_load_balancers(user=caller.user, region_id=region.public_id)
    if load_balancer_id := parameters.optional("LoadBalancerId"):
        instances = instances.filter(public_id=load_balancer_id)
    rows = count_tags(
        user=caller.user,
        resource_type=TaggedResource.LOAD_BALANCER,
        resource_ids=instances.order_by().values("public_id"),
    )
    wanted = {(pair.key, pair.value) for pair in read_old_tags(parameters)}
    found: list[dict[str, Any]] = [
        {"TagKey": key, "TagValue": value, "InstanceCount": count}
        for key, value, count in rows
        if not wanted or {(key, value), (key, None)} & wanted
    ]
    if parameters.boolean("DistinctKey"):
        found = _by_key(found)
    return {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": len(found),
        "TagSets": {"TagSet": found[(page - 1) * size : page * size]},
    }


def _by_key(sets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each key once, without values; an instance has a key once, so counts add up."""
    counts: Counter[str] = Counter()
    for each in sets:
        counts[each["TagKey"]] += each["InstanceCount"]
    return [{"TagKey": key, "InstanceCount": count} for key, count in counts.items()]


CODE_OF_OLDER_REFUSAL: Final = {
    "invalid_tag_key": "InvalidParameter.TagKey",
    "invalid_tag_value": "InvalidParameter.TagValue",
    "quota_exceeded": "TagCountLimit",
}


@contextmanager
def _in_older_words() -> Iterator[None]:
    """Give refusals the codes of the older actions (section 3.11)."""
    try:
        yield
    except BalancerError as error:
        if error.code not in CODE_OF_OLDER_REFUSAL:
            raise
        raise RpcError(CODE_OF_OLDER_REFUSAL[error.code], error.message) from None


def _read_old(parameters: Parameters) -> list[Any]:
    if "Tags" not in parameters:
        raise RpcError("MissingParameter.Tags", "The parameter Tags is missing.")
    pairs = read_old_tags(parameters)
    if len(pairs) > MAX_OLD_TAGS:
        raise RpcError("TagCountLimit", f"A call may have at most {MAX_OLD_TAGS} tags.")
    return pairs


def _read_type(caller: Caller, parameters: Parameters) -> TaggedResource:
    if "RegionId" not in parameters:
        raise RpcError("MissingParam.RegionId", "The param RegionId is missing.")
    find_region(caller, parameters)
    word = parameters.text("ResourceType")
    if word.lower() not in RESOURCE_OF_WORD:
        known = ", ".join(RESOURCE_OF_WORD)
        raise bad_value("ResourceType", f"one of {known}", word, "InvalidParam.ResourceType")
    return RESOURCE_OF_WORD[word.lower()]


def _read_ids(parameters: Parameters) -> list[str]:
    ids = parameters.numbered("ResourceId")
    if not ids:
        raise RpcError("MissingParam.ResourceId", "The param ResourceId is missing.")
    _check_size(ids)
    return list(dict.fromkeys(ids))


def _check_size(ids: list[str]) -> None:
    if len(ids) > MAX_RESOURCES:
        rule = f"A call may name {MAX_RESOURCES} resources at most."
        raise RpcError("SizeLimitExceeded.ResourceId", rule)


def _find(
    caller: Caller, resource_type: TaggedResource, wire_id: str, right: Right = Right.CHANGE
) -> Tagged:
    """Return a resource by the id that clients know it by."""
    user = caller.user

    def look() -> Tagged:
        match resource_type:
            case TaggedResource.LOAD_BALANCER:
                return get_load_balancer(user=user, right=right, load_balancer_id=wire_id)
            case TaggedResource.LISTENER:
                return _find_listener(caller, wire_id, right)
            case TaggedResource.VSERVER_GROUP:
                return get_server_group(
                    user=user, right=right, group_id=wire_id, kind=GroupKind.VSERVER
                )
            case TaggedResource.PRIMARY_SECONDARY_GROUP:
                return get_server_group(
                    user=user, right=right, group_id=wire_id, kind=GroupKind.PRIMARY_SECONDARY
                )
            case TaggedResource.ACCESS_LIST:
                return get_access_list(user=user, right=right, access_list_id=wire_id)
            case TaggedResource.CERTIFICATE:
                return get_certificate(user=user, right=right, certificate_id=wire_id)
            case _:
                raise NotFound("not_found", "There is none.")

    message = f"The specified resource {wire_id:.80} does not exist."
    return or_refuse(look, RpcError("ResourceNotExist", message))


def _find_listener(caller: Caller, wire_id: str, right: Right) -> Listener:
    """Return a listener by ``<LoadBalancerId>_<protocol>_<port>``."""
    load_balancer_id, _, rest = wire_id.partition("_")
    protocol, _, port = rest.partition("_")
    load_balancer = get_load_balancer(
        user=caller.user, right=right, load_balancer_id=load_balancer_id
    )
    rows = list_listeners(user=caller.user, load_balancer=load_balancer)
    found = None
    if port.isascii() and port.isdigit() and len(port) <= 5:
        found = rows.filter(protocol=protocol.lower(), port=int(port)).first()
    if found is None:
        raise NotFound("listener_not_found", "There is no such listener.")
    return found


def _public_ids(
    caller: Caller, resource_type: TaggedResource, wire_ids: list[str]
) -> dict[str, str]:
    """Return the wire's ids by ours; what is not there has no tags."""
    if resource_type != TaggedResource.LISTENER:
        return {each: each for each in wire_ids}
    found = {}
    for each in wire_ids:
        try:
            found[_find_listener(caller, each, Right.VIEW).public_id] = each
        except NotFound:
            continue
    return found


def _wire_ids(
    caller: Caller, resource_type: TaggedResource, public_ids: set[str]
) -> dict[str, str]:
    if resource_type != TaggedResource.LISTENER:
        return {}
    listeners = list_listeners(user=caller.user).filter(public_id__in=public_ids)
    return {
        each.public_id: f"{each.load_balancer.public_id}_{each.protocol}_{each.port}"
        for each in listeners
    }

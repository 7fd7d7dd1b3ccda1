"""Access control lists and their networks."""

from typing import Any, Final

from django.db import transaction

from balancer.choices import TaggedResource
from balancer.domain.access import NewEntry
from balancer.models import AccessList
from balancer.rights import Right
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.finding import find_region, named_region_id, or_refuse
from balancer.rpc.kinds import ACCESS_KIND
from balancer.rpc.parameters import Parameters
from balancer.rpc.parts import MAX_PAGE
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.tags import ids_with_tags, read_new_tags, read_tag_pairs, tags_of
from balancer.rpc.times import moment
from balancer.selectors.access_lists import get_access_list, list_access_lists, list_entries
from balancer.services.access_lists import (
    add_entries,
    create_access_list,
    delete_access_list,
    remove_entries,
    rename_access_list,
)
from balancer.services.tags import set_tags

MAX_ENTRIES_PER_CALL: Final = 50
MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE = 50, 10
ENTRIES: Final = "AclEntrys"
"""The spelling is the vendor's."""


@action("CreateAccessControlList")
@transaction.atomic
def create(caller: Caller, parameters: Parameters) -> Payload:
    """Create an empty list."""
    if parameters.optional("AddressIPVersion") not in (None, "ipv4"):
        raise RpcError("InvalidParameter", "Lists hold IPv4 networks only; use ipv4.")
    region = find_region(caller, parameters, Right.CHANGE)
    tags = read_new_tags(parameters)
    access_list = create_access_list(
        actor=caller.actor, region=region, name=parameters.text("AclName")
    )
    if tags:
        set_tags(actor=caller.actor, resources=[access_list], tags=tags)
    return {"AclId": access_list.public_id}


@action("DeleteAccessControlList")
def delete(caller: Caller, parameters: Parameters) -> Payload:
    """Delete a list that no listener uses."""
    access_list = _find(caller, parameters, Right.CHANGE)
    delete_access_list(actor=caller.actor, access_list=access_list)
    return {}


@action("SetAccessControlListAttribute")
def rename(caller: Caller, parameters: Parameters) -> Payload:
    """Give a list another name."""
    access_list = _find(caller, parameters, Right.CHANGE)
    name = parameters.text("AclName")
    access_list = rename_access_list(actor=caller.actor, access_list=access_list, name=name)
    return {"AclId": access_list.public_id, "AclName": access_list.name}


@action("AddAccessControlListEntry")
def add(caller: Caller, parameters: Parameters) -> Payload:
    """Add networks to a list."""
    access_list = _find(caller, parameters, Right.CHANGE)
    entries = [NewEntry(network, comment) for network, comment in _read_entries(parameters)]
    add_entries(actor=caller.actor, access_list=access_list, entries=entries)
    return {}


@action("RemoveAccessControlListEntry")
def remove(caller: Caller, parameters: Parameters) -> Payload:
    """Take networks out of a list; those that are not in it are ignored."""
    access_list = _find(caller, parameters, Right.CHANGE)
    networks = [network for network, _ in _read_entries(parameters)]
    remove_entries(actor=caller.actor, access_list=access_list, networks=networks)
    return {}


@action("DescribeAccessControlLists")
def describe_lists(caller: Caller, parameters: Parameters) -> Payload:
    """List a page of the access lists of a region."""
    region = find_region(caller, parameters)
    page = parameters.integer("PageNumber", minimum=1, maximum=MAX_PAGE) or 1
    size = parameters.integer("PageSize", minimum=1, maximum=MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE
    rows = list_access_lists(user=caller.user, region_id=region.public_id)
    if name := parameters.optional("AclName"):
        rows = rows.filter(name=name)
    ids = ids_with_tags(caller, TaggedResource.ACCESS_LIST, read_tag_pairs(parameters))
    if ids is not None:
        rows = rows.filter(public_id__in=ids)
    chosen = list(rows[(page - 1) * size : page * size])
    tags = tags_of(caller, TaggedResource.ACCESS_LIST, [each.public_id for each in chosen])
    return {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": rows.count(),
        "Count": len(chosen),
        "Acls": {"Acl": [{**_facts(each), "Tags": tags[each.public_id]} for each in chosen]},
    }


@action("DescribeAccessControlListAttribute")
def describe_list(caller: Caller, parameters: Parameters) -> Payload:
    """Show a list with the listeners that use it and its networks, or a page of those."""
    access_list = _find(caller, parameters, Right.VIEW)
    tags = tags_of(caller, TaggedResource.ACCESS_LIST, [access_list.public_id])
    page = parameters.integer("Page", minimum=1, maximum=MAX_PAGE) or 1
    size = parameters.integer("PageSize", minimum=1, maximum=MAX_PAGE_SIZE)
    entries = list(list_entries(access_list))
    shown = entries if size is None else entries[(page - 1) * size : page * size]
    listeners = access_list.listeners.select_related("load_balancer")
    return {
        **_facts(access_list),
        "AclEntrys": {
            "AclEntry": [
                {"AclEntryIP": each.network, "AclEntryComment": each.description} for each in shown
            ]
        },
        "TotalAclEntry": len(entries),
        "RelatedListeners": {
            "RelatedListener": [
                {
                    "LoadBalancerId": each.load_balancer.public_id,
                    "ListenerPort": each.port,
                    "Protocol": each.protocol,
                    "AclType": ACCESS_KIND.write(each.access_kind),
                }
                for each in listeners
            ]
        },
        "Tags": tags[access_list.public_id],
    }


def _facts(access_list: AccessList) -> dict[str, Any]:
    return {
        "AclId": access_list.public_id,
        "AclName": access_list.name,
        "AddressIPVersion": "ipv4",
        "ResourceGroupId": "rg-default",
        "CreateTime": moment(access_list.created_at),
    }


def _find(caller: Caller, parameters: Parameters, right: Right) -> AccessList:
    access_list_id, region_id = parameters.text("AclId"), named_region_id(caller, parameters)
    # The test helper of the Kubernetes controller looks for "NotFound" in the error.
    refusal = RpcError("ResourceNotFound.Acl", "AclNotExist: the list is NotFound.", 404)
    return or_refuse(
        lambda: get_access_list(
            user=caller.user, right=right, access_list_id=access_list_id, region_id=region_id
        ),
        refusal,
    )


def _read_entries(parameters: Parameters) -> list[tuple[str, str]]:
    """Return networks with their comments."""
    members = parameters.objects(ENTRIES)
    if not members:
        raise missing(ENTRIES)
    if len(members) > MAX_ENTRIES_PER_CALL:
        rule = f"A call may name {MAX_ENTRIES_PER_CALL} entries at most."
        raise RpcError("AclEntryExceedLimit", rule)
    entries = [(each.get("entry", ""), each.get("comment", "")) for each in members]
    if not all(isinstance(text, str) for pair in entries for text in pair):
        raise RpcError("InvalidParameter", f"{ENTRIES} may hold texts only.")
    return entries

"""VServer groups and their servers."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from balancer.choices import TaggedResource
from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.finding import find_load_balancer, find_vserver_group
from balancer.rpc.group_lists import group_facts, list_groups, listeners_of, rules_of
from balancer.rpc.new_groups import create_group
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.servers import (
    MAX_PER_GROUP_CALL,
    ListedServer,
    new_servers,
    read_servers,
    rows_meant,
    rows_of,
    server_payload,
    servers_payload,
)
from balancer.rpc.tags import read_new_tags
from balancer.services.backend_servers import add_servers, remove_servers
from balancer.services.server_changes import ServerChanges, ServerEdit, change_servers
from balancer.services.server_groups import delete_server_group, rename_server_group
from proxy.snapshot import GroupKind


@action("CreateVServerGroup")
def create_vserver_group(caller: Caller, parameters: Parameters) -> Payload:
    """Create a group, with servers or without."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    listed, tags = _read(parameters), read_new_tags(parameters)
    draft = ServerGroup(load_balancer=load_balancer, kind=GroupKind.VSERVER)
    group = create_group(
        caller,
        load_balancer,
        GroupKind.VSERVER,
        name=parameters.optional("VServerGroupName"),
        servers=new_servers(caller, draft, listed),
        tags=tags,
    )
    return _answer(caller, group)


@action("DeleteVServerGroup")
def delete_vserver_group(caller: Caller, parameters: Parameters) -> Payload:
    """Delete a group that nothing uses."""
    group = find_vserver_group(caller, parameters, Right.CHANGE)
    delete_server_group(actor=caller.actor, group=group)
    return {}


@action("SetVServerGroupAttribute")
def set_vserver_group_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Rename a group and change weights and descriptions of the servers in it."""
    group = find_vserver_group(caller, parameters, Right.CHANGE)
    name, listed = parameters.optional("VServerGroupName"), _read(parameters)
    if name is None and "BackendServers" not in parameters:
        raise RpcError(
            "MissingParameter", "The VServerGroupName or BackendServers is required at lease one."
        )
    with transaction.atomic():
        if listed:
            edits = _edits(rows_of(caller, group), listed)
            change_servers(actor=caller.actor, group=group, changes=ServerChanges(edit=edits))
        if name is not None:
            group = rename_server_group(actor=caller.actor, group=group, name=name)
    return {"VServerGroupName": group.name, **_answer(caller, group)}


@action("AddVServerGroupBackendServers")
def add_vserver_group_backend_servers(caller: Caller, parameters: Parameters) -> Payload:
    """Add servers to a group; without a list, as Terraform's last call is, there is no change."""
    group = find_vserver_group(caller, parameters, Right.CHANGE)
    servers = new_servers(caller, group, _read(parameters))
    add_servers(actor=caller.actor, group=group, servers=servers)
    return _answer(caller, group)


@action("RemoveVServerGroupBackendServers")
def remove_vserver_group_backend_servers(caller: Caller, parameters: Parameters) -> Payload:
    """Take servers out of a group by id and port; those that are not there are ignored."""
    group = find_vserver_group(caller, parameters, Right.CHANGE)
    ids = _ids(rows_of(caller, group), _read(parameters))
    remove_servers(actor=caller.actor, group=group, server_ids=ids)
    return _answer(caller, group)


@action("ModifyVServerGroupBackendServers")
def modify_vserver_group_backend_servers(caller: Caller, parameters: Parameters) -> Payload:
    """Replace servers of a group by others in one step; what is in both lists only changes."""
    group = find_vserver_group(caller, parameters, Right.CHANGE)
    old = read_servers(parameters, "OldBackendServers", most=MAX_PER_GROUP_CALL)
    new = read_servers(parameters, "NewBackendServers", most=MAX_PER_GROUP_CALL)
    if not old and not new:
        raise missing("OldBackendServers")
    rows = rows_of(caller, group)
    gone = _ids(rows, old)
    kept: dict[str, ServerEdit] = {}
    added: list[ListedServer] = []
    for each in new:
        same = [row for row in rows_meant(rows, each, with_port=True) if row.public_id in gone]
        kept |= {row.public_id: each.edit() for row in same}
        if not same:
            added.append(each)
    changes = ServerChanges(
        remove=gone - kept.keys(), edit=kept, add=new_servers(caller, group, added)
    )
    change_servers(actor=caller.actor, group=group, changes=changes)
    return _answer(caller, group)


@action("DescribeVServerGroups")
def describe_vserver_groups(caller: Caller, parameters: Parameters) -> Payload:
    """List the groups of an instance, with what uses them when that is asked for."""
    groups = list_groups(caller, parameters, GroupKind.VSERVER)
    with_listeners = parameters.boolean("IncludeListener") or False
    with_rules = parameters.boolean("IncludeRule") or False
    facts = group_facts(caller, groups, TaggedResource.VSERVER_GROUP)
    listed = []
    for group in groups:
        users: dict[str, Any] = {}
        if with_listeners:
            users["Listeners"] = {"Listener": listeners_of(group)}
        if with_rules:
            users["Rules"] = {"Rule": rules_of(group)}
        listed.append(
            {
                "VServerGroupId": group.public_id,
                "VServerGroupName": group.name,
                "ServerCount": len(group.servers.all()),
                "AssociatedObjects": users or None,
                **facts[group.public_id],
            }
        )
    return {"VServerGroups": {"VServerGroup": listed}}


@action("DescribeVServerGroupAttribute")
def describe_vserver_group_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Show one group with its servers."""
    group = find_vserver_group(caller, parameters)
    facts = group_facts(caller, [group], TaggedResource.VSERVER_GROUP)
    return {
        "VServerGroupId": group.public_id,
        "VServerGroupName": group.name,
        "LoadBalancerId": group.load_balancer.public_id,
        "BackendServers": servers_payload(rows_of(caller, group)),
        **facts[group.public_id],
    }


def _read(parameters: Parameters) -> list[ListedServer]:
    return read_servers(parameters, "BackendServers", most=MAX_PER_GROUP_CALL)


def _ids(rows: Sequence[BackendServer], listed: Sequence[ListedServer]) -> set[str]:
    return {row.public_id for each in listed for row in rows_meant(rows, each, with_port=True)}


def _edits(rows: Sequence[BackendServer], listed: Sequence[ListedServer]) -> dict[str, ServerEdit]:
    edits: dict[str, ServerEdit] = {}
    for each in listed:
        meant = rows_meant(rows, each, with_port=True)
        if not meant:
            raise RpcError(
                "InvalidServerId.NotExist",
                f"The server {each.server_id:.40} with port {each.port!s:.10} is not in the group.",
            )
        edits |= {row.public_id: each.edit() for row in meant}
    return edits


def _answer(caller: Caller, group: ServerGroup) -> dict[str, Any]:
    servers = [server_payload(row) for row in rows_of(caller, group)]
    return {"VServerGroupId": group.public_id, "BackendServers": {"BackendServer": servers}}

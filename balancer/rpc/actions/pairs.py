"""Primary/secondary server groups: two servers that never change."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from balancer.choices import TaggedResource
from balancer.models import BackendServer, ServerGroup
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import find_load_balancer, find_pair
from balancer.rpc.group_lists import group_facts, list_groups, listeners_of
from balancer.rpc.new_groups import create_group
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.servers import (
    ROLE_OF_WORD,
    ListedServer,
    new_servers,
    read_servers,
    rows_of,
    server_payload,
)
from balancer.rpc.tags import read_new_tags
from balancer.services.server_groups import delete_server_group
from proxy.snapshot import GroupKind, ServerRole

WORD_OF_ROLE = {ServerRole.PRIMARY: "Master", ServerRole.SECONDARY: "Slave"}
LIST = "MasterSlaveBackendServers"


@action("CreateMasterSlaveServerGroup")
def create_master_slave_server_group(caller: Caller, parameters: Parameters) -> Payload:
    """Create a pair of one primary and one secondary server."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    parameters.text(LIST)
    listed = read_servers(parameters, LIST, no_id="BACKEND_SERVER_ID_CAN_NOT_EMPTY")
    tags = read_new_tags(parameters)
    roles = _checked_roles(listed)
    draft = ServerGroup(load_balancer=load_balancer, kind=GroupKind.PRIMARY_SECONDARY)
    servers = new_servers(caller, draft, listed)
    group = create_group(
        caller,
        load_balancer,
        GroupKind.PRIMARY_SECONDARY,
        name=parameters.optional("MasterSlaveServerGroupName"),
        servers=[replace(each, role=role) for each, role in zip(servers, roles, strict=True)],
        tags=tags,
    )
    return {
        "MasterSlaveServerGroupId": group.public_id,
        LIST: _servers(rows_of(caller, group)),
    }


@action("DeleteMasterSlaveServerGroup")
def delete_master_slave_server_group(caller: Caller, parameters: Parameters) -> Payload:
    """Delete a pair that no listener uses."""
    group = find_pair(caller, parameters, Right.CHANGE)
    delete_server_group(actor=caller.actor, group=group)
    return {}


@action("DescribeMasterSlaveServerGroups")
def describe_master_slave_server_groups(caller: Caller, parameters: Parameters) -> Payload:
    """List the pairs of an instance, with the listeners that use them when that is asked for."""
    groups = list_groups(caller, parameters, GroupKind.PRIMARY_SECONDARY)
    with_listeners = parameters.boolean("IncludeListener") or False
    facts = group_facts(caller, groups, TaggedResource.PRIMARY_SECONDARY_GROUP)
    listed = [
        {
            "MasterSlaveServerGroupId": group.public_id,
            "MasterSlaveServerGroupName": group.name,
            "AssociatedObjects": {"Listeners": {"Listener": listeners_of(group)}}
            if with_listeners
            else None,
            **facts[group.public_id],
        }
        for group in groups
    ]
    return {"MasterSlaveServerGroups": {"MasterSlaveServerGroup": listed}}


@action("DescribeMasterSlaveServerGroupAttribute")
def describe_master_slave_server_group_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Show one pair."""
    group = find_pair(caller, parameters)
    facts = group_facts(caller, [group], TaggedResource.PRIMARY_SECONDARY_GROUP)
    return {
        "MasterSlaveServerGroupId": group.public_id,
        "MasterSlaveServerGroupName": group.name,
        "LoadBalancerId": group.load_balancer.public_id,
        LIST: _servers(rows_of(caller, group)),
        **facts[group.public_id],
    }


def _servers(rows: Sequence[BackendServer]) -> dict[str, Any]:
    members = [
        {**server_payload(row), "ServerType": WORD_OF_ROLE[ServerRole(row.role)]} for row in rows
    ]
    return {"MasterSlaveBackendServer": members}


def _checked_roles(listed: Sequence[ListedServer]) -> list[ServerRole]:
    """Return who is what; raise in the vendor's words for anything but one of each."""
    if len(listed) != 2:
        raise RpcError(
            "BACKEND_SERVERS_NUM_MUST_BE_TWO", "The number of backend servers must be two."
        )
    first, second = listed
    if not all(each.port for each in listed):
        raise RpcError("BACKEND_SERVER_PORT_CAN_NOT_EMPTY", "A backend server has no Port.")
    if first.key == second.key:
        raise RpcError(
            "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID",
            "The two backend servers have the same ServerId and Port.",
        )
    roles = [_role(each) for each in listed]
    if set(roles) != set(WORD_OF_ROLE):
        raise RpcError(
            "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE",
            "The two backend servers must be one Master and one Slave.",
        )
    return roles


def _role(server: ListedServer) -> ServerRole:
    if server.role is None:
        return ServerRole.SECONDARY if server.is_backup else ServerRole.PRIMARY
    role = ROLE_OF_WORD.get(server.role.lower())
    if role is None:
        raise RpcError(
            "INVALID_SERVER_TYPE",
            f"ServerType must be Master or Slave; given: {server.role:.40}.",
        )
    return role

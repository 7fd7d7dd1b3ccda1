"""Which groups a listener shall use, from the many parameters that say so."""

from typing import Any

from balancer.models import Listener, ServerGroup
from balancer.rights import Right
from balancer.rpc.errors import RpcError
from balancer.rpc.finding import NO_PAIR, NO_VSERVER_GROUP, or_refuse
from balancer.rpc.kinds import SAME_PORT
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller
from balancer.selectors.server_groups import get_server_group
from balancer.selectors.traffic import read_present
from proxy.snapshot import GroupKind, Protocol

PAIR_PROTOCOLS = (Protocol.TCP, Protocol.UDP)


def read_new_groups(
    caller: Caller, parameters: Parameters, protocol: Protocol, *, redirects: bool
) -> dict[str, Any]:
    """Return the group and port of a new listener, by columns; one of both is needed."""
    said: dict[str, Any] = {}
    port = parameters.optional("BackendServerPort")
    if port not in (None, "0", str(SAME_PORT)):
        said["backend_port"] = port
    group_id = parameters.optional("VServerGroupId")
    pair_id = parameters.optional("MasterSlaveServerGroupId") if _has_pairs(protocol) else None
    if group_id and pair_id:
        raise _both_groups()
    if group_id:
        said["server_group"] = _find_vserver_group(caller, group_id, protocol)
    if pair_id:
        said["server_group"] = _find_pair(caller, pair_id)
    said |= _read_failover_groups(caller, parameters, protocol)
    if not said and not redirects:
        raise RpcError(
            "MissingParameter",
            "The BackendServerPort or VServerGroupId is required at lease one.",
        )
    return said


def read_group_changes(
    caller: Caller, parameters: Parameters, listener: Listener
) -> dict[str, Any]:
    """Return the group that a change of a listener asks for, by columns.

    ``VServerGroup=on`` and a bare id take a group; ``off`` lets go of a group of that kind only.
    """
    protocol = Protocol(listener.protocol)
    changes = _read_failover_groups(caller, parameters, protocol)
    vserver = _wish(parameters, "VServerGroup", "VServerGroupId")
    pair = _wish(parameters, "MasterSlaveServerGroup", "MasterSlaveServerGroupId")
    if not _has_pairs(protocol):
        pair = None
    if vserver and pair:
        raise _both_groups()
    if vserver:
        return changes | {"server_group": _find_vserver_group(caller, vserver, protocol)}
    if pair:
        return changes | {"server_group": _find_pair(caller, pair)}
    current = listener.server_group
    off = {GroupKind.VSERVER: vserver == "", GroupKind.PRIMARY_SECONDARY: pair == ""}
    if current is None or not off.get(GroupKind(current.kind), False):
        return changes
    if listener.backend_port is None:
        raise RpcError(
            "OperationFailed.ServerGroupInUse",
            "The listener has no backend port of its own, so it needs a server group.",
        )
    return changes | {"server_group": None}


def _wish(parameters: Parameters, switch: str, name: str) -> str | None:
    """Return the id of a wanted group, "" for none of this kind, None when nothing is said."""
    is_on = parameters.switch(switch)
    group_id = parameters.optional(name)
    if is_on is False:
        return ""
    if is_on and group_id is None:
        raise RpcError(f"MissingParam.{name}", f"The {name} is needed with {switch} on.")
    return group_id


def _read_failover_groups(
    caller: Caller, parameters: Parameters, protocol: Protocol
) -> dict[str, Any]:
    names = {"primary_group": "MasterServerGroupId", "secondary_group": "SlaveServerGroupId"}
    if not _has_pairs(protocol) or parameters.boolean("MasterSlaveModeEnabled") is False:
        return {}
    ids = {column: parameters.optional(name) for column, name in names.items()}
    return {
        column: _find_vserver_group(caller, group_id, protocol)
        for column, group_id in ids.items()
        if group_id
    }


def groups_payload(listener: Listener) -> dict[str, Any]:
    """Return which groups the listener uses, as answers say it."""
    group = listener.server_group
    is_pair = group is not None and group.kind == GroupKind.PRIMARY_SECONDARY
    said: dict[str, Any] = {
        "VServerGroupId": group.public_id if group is not None and not is_pair else None,
        "MasterSlaveServerGroupId": group.public_id if group is not None and is_pair else None,
    }
    if listener.failover_enabled:
        primary, secondary = listener.primary_group, listener.secondary_group
        said["MasterServerGroupId"] = primary.public_id if primary else None
        said["SlaveServerGroupId"] = secondary.public_id if secondary else None
    return said


def working_group_id(listener: Listener) -> str | None:
    """Return which of the two groups of a failover listener serves now, None of any other."""
    if not listener.failover_enabled or not listener.is_running:
        return None
    failed_over = read_present([listener], []).failed_over
    group = listener.secondary_group if failed_over else listener.primary_group
    return group.public_id if group else None


def _find_vserver_group(caller: Caller, group_id: str, protocol: Protocol) -> ServerGroup:
    group = or_refuse(
        lambda: get_server_group(user=caller.user, right=Right.VIEW, group_id=group_id),
        RpcError("ResourceNotFound.VServerGroup", NO_VSERVER_GROUP),
    )
    if group.kind != GroupKind.VSERVER:
        kind = "InvalidParam" if _has_pairs(protocol) else "InvalidParameter"
        message = f"The server group {group.public_id} is no VServer group."
        raise RpcError(f"{kind}.VServerGroupId", message)
    return group


def _find_pair(caller: Caller, group_id: str) -> ServerGroup:
    kind = GroupKind.PRIMARY_SECONDARY
    return or_refuse(
        lambda: get_server_group(user=caller.user, right=Right.VIEW, group_id=group_id, kind=kind),
        RpcError("InvalidParameter", NO_PAIR, 404),
    )


def _has_pairs(protocol: Protocol) -> bool:
    return protocol in PAIR_PROTOCOLS


def _both_groups() -> RpcError:
    return RpcError(
        "Abs.VServerGroupIdAndMasterSlaveServerGroupId.MissMatch",
        "VServerGroupId and MasterSlaveServerGroupId cannot be used together.",
    )

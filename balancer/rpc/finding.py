"""Finds what the parameters of a call name, with the right that the act needs."""

from collections.abc import Callable
from typing import TypeVar

from django.conf import settings

from balancer.exceptions import NotFound
from balancer.models import Listener, LoadBalancer, Region, ServerGroup
from balancer.rights import Right
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.parameters import Parameters, bad_value
from balancer.rpc.registry import Caller
from balancer.selectors.inventory import get_region
from balancer.selectors.listeners import list_listeners
from balancer.selectors.load_balancers import get_load_balancer
from balancer.selectors.server_groups import get_default_group, get_server_group
from proxy.snapshot import GroupKind, Protocol

NO_LISTENER = "The specified resource does not exist."
NO_VSERVER_GROUP = "The specified VServerGroupId does not exist."
NO_PAIR = "The specified MasterSlaveGroupId does not exist."

Row = TypeVar("Row")

_PROTOCOLS = {each.value: each for each in Protocol}


def named_region_id(caller: Caller, parameters: Parameters) -> str | None:
    """Return the region that a call names, None when it names none."""
    region_id = parameters.optional("RegionId")
    return None if region_id is None else find_region(caller, parameters).public_id


def find_region(caller: Caller, parameters: Parameters, right: Right = Right.VIEW) -> Region:
    """Return the region of a call; without a name it is the installation's own."""
    region_id = parameters.optional("RegionId") or settings.OPENCLB_DEFAULT_REGION
    try:
        return get_region(user=caller.user, right=right, region_id=region_id)
    except NotFound:
        raise RpcError(
            "InvalidRegionId.NotFound", "The specified RegionId does not exist.", 404
        ) from None


def find_load_balancer(
    caller: Caller, parameters: Parameters, right: Right = Right.VIEW
) -> LoadBalancer:
    """Return the instance, in the region that the call names."""
    load_balancer_id = parameters.text("LoadBalancerId")
    return get_load_balancer(
        user=caller.user,
        right=right,
        load_balancer_id=load_balancer_id,
        region_id=named_region_id(caller, parameters),
    )


def find_default_group(caller: Caller, parameters: Parameters, right: Right) -> ServerGroup:
    """Return the default group of the instance that the call names."""
    load_balancer = find_load_balancer(caller, parameters, right)
    return get_default_group(user=caller.user, right=right, load_balancer=load_balancer)


def find_vserver_group(
    caller: Caller, parameters: Parameters, right: Right = Right.VIEW
) -> ServerGroup:
    """Return the VServer group that the call names."""
    group_id = parameters.text("VServerGroupId")
    return _find_group(caller, parameters, right, GroupKind.VSERVER, group_id, NO_VSERVER_GROUP)


def find_pair(caller: Caller, parameters: Parameters, right: Right = Right.VIEW) -> ServerGroup:
    """Return the primary/secondary group that the call names."""
    group_id = parameters.text("MasterSlaveServerGroupId")
    return _find_group(caller, parameters, right, GroupKind.PRIMARY_SECONDARY, group_id, NO_PAIR)


def _find_group(
    caller: Caller,
    parameters: Parameters,
    right: Right,
    kind: GroupKind,
    group_id: str,
    sentence: str,
) -> ServerGroup:
    region_id = named_region_id(caller, parameters)
    group = or_refuse(
        lambda: get_server_group(user=caller.user, right=right, group_id=group_id, kind=kind),
        RpcError("InvalidParameter", sentence, 404),
    )
    if region_id not in (None, group.load_balancer.region.public_id):
        raise RpcError("InvalidParameter", sentence, 404)
    return group


def find_listener(
    caller: Caller, parameters: Parameters, right: Right, protocol: Protocol | None
) -> Listener:
    """Return the listener of a port; without a protocol there must be one only."""
    load_balancer = find_load_balancer(caller, parameters, right)
    port = listener_port(parameters)
    rows = list_listeners(user=caller.user, load_balancer=load_balancer).filter(port=port)
    found = list(rows if protocol is None else rows.filter(protocol=protocol))
    if len(found) > 1:
        raise RpcError(
            "TooManyListeners",
            f"More than one listener uses port {port}; name its ListenerProtocol.",
        )
    if not found:
        raise RpcError("InvalidParameter", NO_LISTENER, 404)
    return found[0]


def listener_port(parameters: Parameters) -> int:
    """Return the port that a call must name."""
    port = parameters.integer("ListenerPort", minimum=1, maximum=65535)
    if port is None:
        raise missing("ListenerPort")
    return port


def named_protocol(parameters: Parameters, code: str = "InvalidParameter") -> Protocol | None:
    """Return the protocol of a listener that a call names, None when it names none."""
    given = parameters.optional("ListenerProtocol")
    if given is None:
        return None
    if given.lower() not in _PROTOCOLS:
        raise bad_value("ListenerProtocol", " or ".join(_PROTOCOLS), given, code)
    return _PROTOCOLS[given.lower()]


def or_refuse(find: Callable[[], Row], refusal: RpcError) -> Row:
    """Return what is found; what is not there is refused in this API's words."""
    try:
        return find()
    except NotFound:
        raise refusal from None

"""Instances: create, look at, name, start and stop, protect, change, delete."""

from typing import Any

from django.db import transaction

from balancer.choices import AddressType, LoadBalancerStatus
from balancer.domain.networks import read_address
from balancer.exceptions import Invalid, NotFound
from balancer.models import LoadBalancer, VSwitch, Zone
from balancer.rights import Right
from balancer.rpc.billing import read_billing
from balancer.rpc.errors import RpcError, missing
from balancer.rpc.finding import find_load_balancer, find_region
from balancer.rpc.instance_filters import filtered_load_balancers
from balancer.rpc.instances import attribute_payload, list_payload
from balancer.rpc.parameters import Parameters, bad_value
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.rpc.tags import read_new_tags
from balancer.selectors.inventory import get_vswitch, get_zone, list_vpcs
from balancer.services.idempotency import MAX_KEY_CHARACTERS, answer_once
from balancer.services.load_balancers import (
    create_load_balancer,
    release_load_balancer,
    rename_load_balancer,
    set_deletion_protection,
    set_modification_protection,
    start_load_balancer,
    stop_load_balancer,
)
from balancer.services.specifications import (
    BY_USE,
    ELASTIC,
    change_billing,
    change_specification,
)
from balancer.services.tags import set_tags

MAX_PAGE, MAX_PAGE_SIZE, DEFAULT_PAGE_SIZE = 1000, 100, 10
CONSOLE_PROTECTION, NO_PROTECTION = "ConsoleProtection", "NonProtection"
_PROTECTIONS = {CONSOLE_PROTECTION.lower(): True, NO_PROTECTION.lower(): False}
_ADDRESS_TYPES = {each.value: each for each in AddressType}
_IP_VERSIONS = {"ipv4": "ipv4", "ipv6": "ipv6"}
_STATUSES = {"active": LoadBalancerStatus.ACTIVE, "inactive": LoadBalancerStatus.INACTIVE}
_NOT_IN_DIGEST = frozenset(
    {"timestamp", "signature", "signatureNonce", "accessKeyId", "securityToken", "clientToken"}
)


@action("CreateLoadBalancer")
def create(caller: Caller, parameters: Parameters) -> Payload:
    """Create an instance; with a ClientToken once, however often it is asked for."""
    if "RegionId" not in parameters:
        raise missing("RegionId")
    find_region(caller, parameters, Right.CHANGE)
    token = parameters.optional("ClientToken")
    if token is None:
        return _create(caller, parameters)
    if len(token) > MAX_KEY_CHARACTERS:
        raise bad_value("ClientToken", f"up to {MAX_KEY_CHARACTERS} characters", token)
    said = {name: value for name, value in parameters.items() if name not in _NOT_IN_DIGEST}
    return answer_once(
        user=caller.user,
        scope="rpc:CreateLoadBalancer",
        key=token,
        request=said,
        make=lambda: _create(caller, parameters),
    )


@transaction.atomic
def _create(caller: Caller, parameters: Parameters) -> dict[str, Any]:
    region, vswitch = find_region(caller, parameters), _find_vswitch(caller, parameters)
    address_type = parameters.choice("AddressType", _ADDRESS_TYPES)
    if vswitch is not None:
        address_type = AddressType.INTRANET
    if parameters.choice("AddressIPVersion", _IP_VERSIONS) == "ipv6":
        raise RpcError("InvalidParameter.Mismatch", "IPv6 addresses are not served; use ipv4.")
    billing, tags = read_billing(parameters), read_new_tags(parameters)
    load_balancer = create_load_balancer(
        actor=caller.actor,
        region=region,
        name=parameters.optional("LoadBalancerName") or "",
        primary_zone=_find_zone(caller, parameters, "MasterZoneId"),
        backup_zone=_find_zone(caller, parameters, "SlaveZoneId"),
        address=_read_address(parameters),
        address_type=address_type or AddressType.INTERNET,
        vswitch=vswitch,
        specification=_specification(parameters, billing),
        deletion_protection=parameters.switch("DeleteProtection") or False,
    )
    if billing:
        load_balancer = change_billing(
            actor=caller.actor, load_balancer=load_balancer, changes=billing
        )
    _protect(caller, load_balancer, parameters)
    if tags:
        set_tags(actor=caller.actor, resources=[load_balancer], tags=tags)
    return {
        "LoadBalancerId": load_balancer.public_id,
        "LoadBalancerName": load_balancer.name,
        "Address": load_balancer.address,
        "AddressIPVersion": "ipv4",
        "NetworkType": load_balancer.network_type,
        "VpcId": load_balancer.vpc.public_id if load_balancer.vpc else "",
        "VSwitchId": load_balancer.vswitch.public_id if load_balancer.vswitch else "",
        "ResourceGroupId": load_balancer.billing.get("resource_group_id", "rg-default"),
        "OrderId": 0,
    }


@action("DeleteLoadBalancer")
def delete(caller: Caller, parameters: Parameters) -> Payload:
    """Delete an instance with everything in it."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    release_load_balancer(actor=caller.actor, load_balancer=load_balancer)
    return {}


@action("DescribeLoadBalancers")
def describe_load_balancers(caller: Caller, parameters: Parameters) -> Payload:
    """List a page of the instances of a region that pass every filter."""
    if "RegionId" not in parameters:
        raise missing("RegionId")
    page = parameters.integer("PageNumber", minimum=1, maximum=MAX_PAGE) or 1
    size = parameters.integer("PageSize", minimum=1, maximum=MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE
    rows = filtered_load_balancers(caller, parameters)
    chosen = list(rows[(page - 1) * size : page * size])
    return {
        "PageNumber": page,
        "PageSize": size,
        "TotalCount": rows.count(),
        "LoadBalancers": {"LoadBalancer": list_payload(caller, chosen)},
    }


@action("DescribeLoadBalancerAttribute")
def describe_load_balancer_attribute(caller: Caller, parameters: Parameters) -> Payload:
    """Show one instance with its listeners and the servers of its default group."""
    return attribute_payload(caller, find_load_balancer(caller, parameters))


@action("SetLoadBalancerName")
def set_name(caller: Caller, parameters: Parameters) -> Payload:
    """Give an instance another name."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    name = parameters.text("LoadBalancerName")
    rename_load_balancer(actor=caller.actor, load_balancer=load_balancer, name=name)
    return {}


@action("SetLoadBalancerStatus")
def set_status(caller: Caller, parameters: Parameters) -> Payload:
    """Let an instance serve or stop it; its configuration stays."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    parameters.text("LoadBalancerStatus")
    status = parameters.choice("LoadBalancerStatus", _STATUSES)
    switch = start_load_balancer if status == LoadBalancerStatus.ACTIVE else stop_load_balancer
    switch(actor=caller.actor, load_balancer=load_balancer)
    return {}


@action("SetLoadBalancerDeleteProtection")
def set_delete_protection(caller: Caller, parameters: Parameters) -> Payload:
    """Turn the protection against deletion on or off."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    parameters.text("DeleteProtection")
    enabled = parameters.switch("DeleteProtection") or False
    set_deletion_protection(actor=caller.actor, load_balancer=load_balancer, enabled=enabled)
    return {}


@action("SetLoadBalancerModificationProtection")
def set_protection(caller: Caller, parameters: Parameters) -> Payload:
    """Turn the protection against changes in the console on or off."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    parameters.text("ModificationProtectionStatus")
    _protect(caller, load_balancer, parameters)
    return {}


@action("ModifyLoadBalancerInstanceSpec")
def modify_specification(caller: Caller, parameters: Parameters) -> Payload:
    """Give an instance another specification."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    specification = parameters.text("LoadBalancerSpec")
    if load_balancer.billing.get("instance_charge_type") == BY_USE and specification != ELASTIC:
        raise RpcError("OperationDenied.PayByCLCU", "What is billed by use has no specification.")
    change_specification(
        actor=caller.actor, load_balancer=load_balancer, specification=specification
    )
    return {"OrderId": 0}


@action("ModifyLoadBalancerInternetSpec")
def modify_internet_specification(caller: Caller, parameters: Parameters) -> Payload:
    """Bill the traffic of an instance otherwise, or give it another bandwidth."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    said = read_billing(parameters)
    names = {"internet_charge_type", "bandwidth_mbps"}
    changes = {name: value for name, value in said.items() if name in names}
    change_billing(actor=caller.actor, load_balancer=load_balancer, changes=changes)
    return {"OrderId": 0}


@action("ModifyLoadBalancerInstanceChargeType")
@transaction.atomic
def modify_instance_charge_type(caller: Caller, parameters: Parameters) -> Payload:
    """Bill an instance by its specification or by use."""
    load_balancer = find_load_balancer(caller, parameters, Right.CHANGE)
    parameters.text("InstanceChargeType")
    said = read_billing(parameters)
    specification = _specification(parameters, said)
    if not specification and not load_balancer.specification:
        raise missing("LoadBalancerSpec")
    change_billing(actor=caller.actor, load_balancer=load_balancer, changes=said)
    if specification:
        change_specification(
            actor=caller.actor, load_balancer=load_balancer, specification=specification
        )
    return {"OrderId": 0}


def _specification(parameters: Parameters, billing: dict[str, str | int]) -> str:
    if billing.get("instance_charge_type") == BY_USE:
        return ELASTIC
    return parameters.optional("LoadBalancerSpec") or ""


def _protect(caller: Caller, load_balancer: LoadBalancer, parameters: Parameters) -> None:
    given = parameters.optional("ModificationProtectionStatus")
    if given is None:
        return
    if given.lower() not in _PROTECTIONS:
        rule = f"{CONSOLE_PROTECTION} or {NO_PROTECTION}"
        code = "InvalidParam.ModificationProtectionStatus"
        raise bad_value("ModificationProtectionStatus", rule, given, code)
    reason = parameters.optional("ModificationProtectionReason") or ""
    if len(reason) > 80 or (reason and not reason[0].isalpha()):
        raise bad_value(
            "ModificationProtectionReason",
            "1 to 80 characters that begin with a letter",
            reason,
            "InvalidParam.ModificationProtectionReason",
        )
    set_modification_protection(
        actor=caller.actor,
        load_balancer=load_balancer,
        enabled=_PROTECTIONS[given.lower()],
        reason=reason,
    )


def _read_address(parameters: Parameters) -> str | None:
    address = parameters.optional("Address")
    if address is None:
        return None
    try:
        return read_address(address, field="Address")
    except Invalid:
        raise bad_value("Address", "an IPv4 address", address) from None


def _find_vswitch(caller: Caller, parameters: Parameters) -> VSwitch | None:
    vpc_id, vswitch_id = parameters.optional("VpcId"), parameters.optional("VSwitchId")
    if vswitch_id is None:
        if vpc_id is not None:
            _check_vpc(caller, parameters, vpc_id)
        return None
    try:
        vswitch = get_vswitch(user=caller.user, right=Right.VIEW, vswitch_id=vswitch_id)
    except NotFound:
        message = "The specified VSwitchId does not exist."
        raise RpcError("InvalidVSwitchId.NotFound", message) from None
    if vpc_id not in (None, vswitch.vpc.public_id):
        raise RpcError("InvalidVpcId.NotExist", "The VSwitchId is not in the specified VpcId.")
    return vswitch


def _check_vpc(caller: Caller, parameters: Parameters, vpc_id: str) -> None:
    """Raise unless the VPC is there; one alone is enough for an instance in the internet only."""
    region = find_region(caller, parameters)
    vpcs = list_vpcs(user=caller.user, region_id=region.public_id)
    if not vpcs.filter(public_id=vpc_id).exists():
        raise RpcError("InvalidVpcId.NotExist", "The specified VpcId does not exist.")
    if parameters.choice("AddressType", _ADDRESS_TYPES) == AddressType.INTRANET:
        raise RpcError("MissingParam.VSwitchId", "A VPC instance needs a VSwitchId.")


def _find_zone(caller: Caller, parameters: Parameters, name: str) -> Zone | None:
    zone_id = parameters.optional(name)
    if zone_id is None:
        return None
    try:
        return get_zone(user=caller.user, right=Right.VIEW, zone_id=zone_id)
    except NotFound:
        raise bad_value(name, "a zone of the region", zone_id) from None

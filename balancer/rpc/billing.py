"""Prices on the wire: kept as clients say them, for they compare what comes back.

The bandwidth of an instance is in force when it is billed by that.
"""

from collections.abc import Mapping
from typing import Any, Final

from balancer.constants import BANDWIDTH_RANGE_MBPS
from balancer.domain.bandwidth import BY_BANDWIDTH, BY_TRAFFIC
from balancer.models import LoadBalancer
from balancer.rpc.errors import RpcError
from balancer.rpc.parameters import Parameters
from balancer.services.specifications import BY_USE

BY_SPECIFICATION = "PayBySpec"

NUMBER_OF_CHARGE_TYPE: Final[Mapping[str, str]] = {BY_BANDWIDTH: "3", BY_TRAFFIC: "4"}

BAD_BANDWIDTH: Final = "InvalidParameter.Bandwidth"
_INTERNET_CHARGE_TYPES = {each: each for each in (BY_TRAFFIC, BY_BANDWIDTH)}
_INSTANCE_CHARGE_TYPES = {each.lower(): each for each in (BY_SPECIFICATION, BY_USE)}
_PAY_TYPES = {each.lower(): each for each in ("PayOnDemand", "PrePay")}


def read_billing(parameters: Parameters) -> dict[str, str | int]:
    """Return what the call says about prices, by our names."""
    low, high = BANDWIDTH_RANGE_MBPS
    said = {
        "internet_charge_type": parameters.choice("InternetChargeType", _INTERNET_CHARGE_TYPES),
        "instance_charge_type": parameters.choice(
            "InstanceChargeType", _INSTANCE_CHARGE_TYPES, "IllegalParam.InstanceChargeType"
        ),
        "pay_type": parameters.choice("PayType", _PAY_TYPES),
        "resource_group_id": parameters.optional("ResourceGroupId"),
        "bandwidth_mbps": parameters.integer(
            "Bandwidth", minimum=-1, maximum=high, code=BAD_BANDWIDTH
        ),
    }
    bandwidth = said["bandwidth_mbps"]
    if bandwidth is not None and bandwidth != -1 and bandwidth < low:
        raise RpcError(BAD_BANDWIDTH, "Bandwidth must be -1 or 1 to 5120.")
    return {name: value for name, value in said.items() if value is not None}


def internet_charge_type(load_balancer: LoadBalancer) -> str:
    """Return what the instance's traffic is billed by."""
    return str(load_balancer.billing.get("internet_charge_type", BY_TRAFFIC))


def billing_payload(load_balancer: LoadBalancer) -> dict[str, Any]:
    """Return what answers say about prices, but the charge type; they write it in two ways."""
    said = load_balancer.billing
    return {
        "Bandwidth": said.get("bandwidth_mbps", load_balancer.bandwidth_mbps),
        "InstanceChargeType": said.get("instance_charge_type", BY_SPECIFICATION),
        "PayType": said.get("pay_type", "PayOnDemand"),
        "ResourceGroupId": said.get("resource_group_id", "rg-default"),
    }

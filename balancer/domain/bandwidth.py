"""The bandwidth of listeners and of the instance that they share (slb-rpc-api.md 3.0 to 3.2)."""

from collections.abc import Mapping
from typing import Any, Final

from balancer.constants import BANDWIDTH_RANGE_MBPS, UNLIMITED_BANDWIDTH_MBPS
from balancer.domain.numbers import read_integer
from balancer.exceptions import Invalid

BY_TRAFFIC, BY_BANDWIDTH = "paybytraffic", "paybybandwidth"
"""What the traffic of an instance is billed by."""
_LABEL: Final = f"Peak bandwidth in Mbit/s ({UNLIMITED_BANDWIDTH_MBPS}: no limit)"


def check_bandwidth(value: Any) -> int:
    """Return the number, -1 or one of the range; raise Invalid otherwise."""
    if value in (UNLIMITED_BANDWIDTH_MBPS, str(UNLIMITED_BANDWIDTH_MBPS)):
        return UNLIMITED_BANDWIDTH_MBPS
    least, most = BANDWIDTH_RANGE_MBPS
    return read_integer(value, field="bandwidth_mbps", minimum=least, maximum=most, label=_LABEL)


def check_bandwidth_sum(bandwidth_mbps: int, *, others_mbps: int, instance_mbps: int) -> None:
    """Raise Invalid when the listeners of an instance would be allowed more than it is itself."""
    if UNLIMITED_BANDWIDTH_MBPS in (instance_mbps, bandwidth_mbps):
        return
    if bandwidth_mbps + others_mbps > instance_mbps:
        raise _refusal(
            f"The instance has {instance_mbps} Mbit/s, its other listeners have {others_mbps}; "
            f"at most {max(0, instance_mbps - others_mbps)} are left, given: {bandwidth_mbps}."
        )


def check_instance_bandwidth(instance_mbps: int, *, listeners_mbps: int) -> None:
    """Raise Invalid when the listeners of an instance have more already."""
    if instance_mbps != UNLIMITED_BANDWIDTH_MBPS and listeners_mbps > instance_mbps:
        raise _refusal(
            f"The listeners of the instance have {listeners_mbps} Mbit/s together, so it needs at "
            f"least as much; given: {instance_mbps}. Lower theirs first."
        )


def bandwidth_in_force(billing: Mapping[str, Any]) -> int:
    """Return what the billing limits: only what is billed by bandwidth has one."""
    if billing.get("internet_charge_type") != BY_BANDWIDTH:
        return UNLIMITED_BANDWIDTH_MBPS
    return int(billing.get("bandwidth_mbps", UNLIMITED_BANDWIDTH_MBPS))


def billing_by(bandwidth_mbps: int) -> dict[str, str | int]:
    """Return the billing that has this bandwidth in force."""
    if bandwidth_mbps == UNLIMITED_BANDWIDTH_MBPS:
        return {"internet_charge_type": BY_TRAFFIC}
    return {"internet_charge_type": BY_BANDWIDTH, "bandwidth_mbps": bandwidth_mbps}


def _refusal(message: str) -> Invalid:
    return Invalid("bandwidth_exceeded", message, fields={"bandwidth_mbps": [message]})

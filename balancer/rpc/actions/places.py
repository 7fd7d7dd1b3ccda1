"""Regions and zones."""

from typing import Any, Final

from balancer.models import Zone
from balancer.rpc.errors import missing
from balancer.rpc.finding import find_region
from balancer.rpc.parameters import Parameters
from balancer.rpc.registry import Caller, action
from balancer.rpc.responses import Payload
from balancer.selectors.inventory import list_regions, list_zones

ADDRESS_TYPES: Final = ("classic_internet", "vpc")
IP_VERSION: Final = "ipv4"


@action("DescribeRegions")
def describe_regions(caller: Caller, parameters: Parameters) -> Payload:
    """List the regions; each is served at the address that was called."""
    regions = list_regions(caller.user)
    return {
        "Regions": {
            "Region": [
                {
                    "RegionId": each.public_id,
                    "LocalName": each.name,
                    "RegionEndpoint": caller.host.rpartition("//")[2],
                }
                for each in regions
            ]
        }
    }


@action("DescribeZones")
def describe_zones(caller: Caller, parameters: Parameters) -> Payload:
    """List the zones of a region, each with those that can stand in for it."""
    zones = _zones(caller, parameters)
    return {
        "Zones": {
            "Zone": [
                {
                    **_zone(each),
                    "SlaveZones": {"SlaveZone": [_zone(other) for other in zones if other != each]},
                }
                for each in zones
            ]
        }
    }


@action("DescribeAvailableResource")
def describe_available_resource(caller: Caller, parameters: Parameters) -> Payload:
    """List the pairs of zones that an instance can stand in, and the addresses it can have."""
    zones = _zones(caller, parameters)
    kind, version = parameters.optional("AddressType"), parameters.optional("AddressIPVersion")
    resources = [
        {"AddressType": each, "AddressIPVersion": IP_VERSION}
        for each in ADDRESS_TYPES
        if kind in (None, each) and version in (None, IP_VERSION)
    ]
    pairs = [(each, other) for each in zones for other in zones if resources and other != each]
    return {
        "AvailableResources": {
            "AvailableResource": [
                {
                    "MasterZoneId": each.public_id,
                    "SlaveZoneId": other.public_id,
                    "SupportResources": {"SupportResource": resources},
                }
                for each, other in pairs
            ]
        }
    }


def _zones(caller: Caller, parameters: Parameters) -> list[Zone]:
    if "RegionId" not in parameters:
        raise missing("RegionId")
    region = find_region(caller, parameters)
    return list(list_zones(user=caller.user, region_id=region.public_id))


def _zone(zone: Zone) -> dict[str, Any]:
    return {"ZoneId": zone.public_id, "LocalName": zone.name}

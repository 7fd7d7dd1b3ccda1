"""How answers show an instance."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from balancer.choices import NetworkType, TaggedResource
from balancer.models import Listener, LoadBalancer
from balancer.rights import Right
from balancer.rpc.billing import NUMBER_OF_CHARGE_TYPE, billing_payload, internet_charge_type
from balancer.rpc.registry import Caller
from balancer.rpc.responses import Payload
from balancer.rpc.servers import rows_of, server_payload
from balancer.rpc.tags import tags_of
from balancer.rpc.times import milliseconds, moment
from balancer.selectors.listeners import list_listeners
from balancer.selectors.server_groups import get_default_group

NETWORK_TYPES: Final = {each.value: each.value for each in NetworkType}
NEVER, NEVER_MS = "2999-09-08T16:00:00Z", 32493801600000
"""When an instance ends that is not paid for beforehand."""


def list_payload(caller: Caller, rows: Sequence[LoadBalancer]) -> list[dict[str, Any]]:
    """Return the entries of a list of instances."""
    tags = tags_of(caller, TaggedResource.LOAD_BALANCER, [each.public_id for each in rows])
    return [
        {
            **_facts(each),
            "InternetChargeType": NUMBER_OF_CHARGE_TYPE[internet_charge_type(each)],
            "InternetChargeTypeAlias": internet_charge_type(each),
            "Tags": tags[each.public_id],
        }
        for each in rows
    ]


def attribute_payload(caller: Caller, load_balancer: LoadBalancer) -> Payload:
    """Return everything about one instance."""
    listeners = list(list_listeners(user=caller.user, load_balancer=load_balancer))
    group = get_default_group(user=caller.user, right=Right.VIEW, load_balancer=load_balancer)
    servers = [{**server_payload(row), "Port": None} for row in rows_of(caller, group)]
    tags = tags_of(caller, TaggedResource.LOAD_BALANCER, [load_balancer.public_id])
    return {
        **_facts(load_balancer),
        **_ports(listeners),
        "InternetChargeType": internet_charge_type(load_balancer),
        "BackendServers": {"BackendServer": servers},
        "EndTime": NEVER,
        "EndTimeStamp": NEVER_MS,
        "AutoReleaseTime": NEVER_MS,
        "Tags": tags[load_balancer.public_id],
    }


def _facts(row: LoadBalancer) -> dict[str, Any]:
    return {
        "LoadBalancerId": row.public_id,
        "LoadBalancerName": row.name,
        "LoadBalancerStatus": row.status,
        "Address": row.address,
        "AddressType": row.address_type,
        "AddressIPVersion": "ipv4",
        "NetworkType": row.network_type,
        "RegionId": row.region.public_id,
        "RegionIdAlias": row.region.public_id,
        "VpcId": row.vpc.public_id if row.vpc else "",
        "VSwitchId": row.vswitch.public_id if row.vswitch else "",
        "MasterZoneId": row.primary_zone.public_id,
        "SlaveZoneId": row.backup_zone.public_id if row.backup_zone else "",
        "LoadBalancerSpec": row.specification,
        "CreateTime": moment(row.created_at),
        "CreateTimeStamp": milliseconds(row.created_at),
        "DeleteProtection": "on" if row.deletion_protection else "off",
        "ModificationProtectionStatus": (
            "ConsoleProtection" if row.modification_protection else "NonProtection"
        ),
        "ModificationProtectionReason": row.modification_protection_reason,
        **billing_payload(row),
    }


def _ports(listeners: Iterable[Listener]) -> dict[str, Any]:
    """Return the three lists of ports; one has a misspelt name that older clients read."""
    ports, misspelt, pairs = [], [], []
    for each in listeners:
        ports.append(each.port)
        misspelt.append({"ListenerPort": each.port, "ListenerProtocal": each.protocol})
        pairs.append(
            {
                "ListenerPort": each.port,
                "ListenerProtocol": each.protocol,
                "ListenerForward": "off" if each.redirect_port is None else "on",
                "ForwardPort": each.redirect_port,
                "Description": each.description or each.name,
            }
        )
    return {
        "ListenerPorts": {"ListenerPort": ports},
        "ListenerPortsAndProtocal": {"ListenerPortAndProtocal": misspelt},
        "ListenerPortsAndProtocol": {"ListenerPortAndProtocol": pairs},
    }

"""Reads of regions, networks and machines."""

from typing import Any

from django.db.models import QuerySet

from balancer.models import (
    EcsInstance,
    IdcServer,
    NetworkInterface,
    Region,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.rights import Right
from balancer.selectors.finding import find, visible


def list_regions(user: Any) -> QuerySet[Region]:
    """Return every region by id."""
    return visible(Region.objects.all(), user)


def get_region(*, user: Any, right: Right, region_id: str) -> Region:
    """Return one region."""
    return find(list_regions(user), user=user, right=right, public_id=region_id, what="region")


def list_zones(*, user: Any, region_id: str | None = None) -> QuerySet[Zone]:
    """Return zones by id."""
    rows = visible(Zone.objects.select_related("region"), user)
    return rows if region_id is None else rows.filter(region__public_id=region_id)


def get_zone(*, user: Any, right: Right, zone_id: str) -> Zone:
    """Return one zone."""
    return find(list_zones(user=user), user=user, right=right, public_id=zone_id, what="zone")


def list_vpcs(*, user: Any, region_id: str | None = None) -> QuerySet[Vpc]:
    """Return VPCs by id."""
    rows = visible(Vpc.objects.select_related("region"), user)
    return rows if region_id is None else rows.filter(region__public_id=region_id)


def get_vpc(*, user: Any, right: Right, vpc_id: str) -> Vpc:
    """Return one VPC."""
    return find(list_vpcs(user=user), user=user, right=right, public_id=vpc_id, what="VPC")


def list_vswitches(*, user: Any, region_id: str | None = None) -> QuerySet[VSwitch]:
    """Return vSwitches by id."""
    rows = visible(VSwitch.objects.select_related("vpc", "zone__region"), user)
    return rows if region_id is None else rows.filter(zone__region__public_id=region_id)


def get_vswitch(*, user: Any, right: Right, vswitch_id: str) -> VSwitch:
    """Return one vSwitch."""
    rows = list_vswitches(user=user)
    return find(rows, user=user, right=right, public_id=vswitch_id, what="vSwitch")


def list_ecs_instances(*, user: Any, region_id: str | None = None) -> QuerySet[EcsInstance]:
    """Return machines by name."""
    rows = visible(EcsInstance.objects.select_related("zone__region", "vswitch__vpc"), user)
    return rows if region_id is None else rows.filter(zone__region__public_id=region_id)


def get_ecs_instance(*, user: Any, right: Right, instance_id: str) -> EcsInstance:
    """Return one machine."""
    rows = list_ecs_instances(user=user)
    return find(rows, user=user, right=right, public_id=instance_id, what="ECS instance")


def list_network_interfaces(
    *, user: Any, region_id: str | None = None
) -> QuerySet[NetworkInterface]:
    """Return interfaces by name, with their addresses."""
    rows = visible(
        NetworkInterface.objects.select_related(
            "vswitch__vpc", "vswitch__zone__region", "instance"
        ).prefetch_related("addresses"),
        user,
    )
    return rows if region_id is None else rows.filter(vswitch__zone__region__public_id=region_id)


def get_network_interface(*, user: Any, right: Right, interface_id: str) -> NetworkInterface:
    """Return one interface."""
    rows = list_network_interfaces(user=user)
    return find(rows, user=user, right=right, public_id=interface_id, what="network interface")


def list_idc_servers(*, user: Any, region_id: str | None = None) -> QuerySet[IdcServer]:
    """Return IDC servers by name."""
    rows = visible(IdcServer.objects.select_related("region"), user)
    return rows if region_id is None else rows.filter(region__public_id=region_id)


def get_idc_server(*, user: Any, right: Right, server_id: str) -> IdcServer:
    """Return one IDC server."""
    rows = list_idc_servers(user=user)
    return find(rows, user=user, right=right, public_id=server_id, what="IDC server")

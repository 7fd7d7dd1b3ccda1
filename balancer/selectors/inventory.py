"""Regions, networks and machines as pages and API read them."""

from typing import Any

from django.db.models import Q, QuerySet

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
from balancer.selectors.access import find, visible


def list_regions(user: Any) -> QuerySet[Region]:
    """Return every region, by id."""
    return visible(Region.objects.order_by("public_id"), user=user)


def get_region(*, user: Any, right: Right, region_id: str) -> Region:
    """Return one region."""
    rows = Region.objects.all()
    return find(rows, user=user, right=right, public_id=region_id, noun="region")


def list_zones(*, user: Any, region_id: str | None = None) -> QuerySet[Zone]:
    """Return the zones of a region or of all."""
    rows = Zone.objects.select_related("region").order_by("public_id")
    return visible(_in_region(rows, "region", region_id), user=user)


def get_zone(*, user: Any, right: Right, zone_id: str) -> Zone:
    """Return one zone."""
    rows = Zone.objects.select_related("region")
    return find(rows, user=user, right=right, public_id=zone_id, noun="zone")


def list_vpcs(*, user: Any, region_id: str | None = None) -> QuerySet[Vpc]:
    """Return the VPCs of a region or of all."""
    rows = Vpc.objects.select_related("region").order_by("public_id")
    return visible(_in_region(rows, "region", region_id), user=user)


def get_vpc(*, user: Any, right: Right, vpc_id: str) -> Vpc:
    """Return one VPC."""
    rows = Vpc.objects.select_related("region")
    return find(rows, user=user, right=right, public_id=vpc_id, noun="VPC")


def list_vswitches(*, user: Any, region_id: str | None = None) -> QuerySet[VSwitch]:
    """Return the vSwitches of a region or of all."""
    rows = VSwitch.objects.select_related("vpc__region", "zone__region").order_by("public_id")
    return visible(_in_region(rows, "zone__region", region_id), user=user)


def get_vswitch(*, user: Any, right: Right, vswitch_id: str) -> VSwitch:
    """Return one vSwitch."""
    rows = VSwitch.objects.select_related("vpc__region", "zone__region")
    return find(rows, user=user, right=right, public_id=vswitch_id, noun="vSwitch")


def list_ecs_instances(*, user: Any, region_id: str | None = None) -> QuerySet[EcsInstance]:
    """Return the ECS instances of a region or of all, by name."""
    rows = _ecs_instances().order_by("name", "public_id")
    return visible(_in_region(rows, "zone__region", region_id), user=user)


def get_ecs_instance(*, user: Any, right: Right, instance_id: str) -> EcsInstance:
    """Return one ECS instance."""
    rows = _ecs_instances()
    return find(rows, user=user, right=right, public_id=instance_id, noun="ECS instance")


def list_network_interfaces(
    *, user: Any, region_id: str | None = None
) -> QuerySet[NetworkInterface]:
    """Return the network interfaces of a region or of all, with their addresses."""
    rows = _interfaces().order_by("name", "public_id")
    return visible(_in_region(rows, "vswitch__zone__region", region_id), user=user)


def get_network_interface(*, user: Any, right: Right, interface_id: str) -> NetworkInterface:
    """Return one network interface with its addresses."""
    rows = _interfaces()
    return find(rows, user=user, right=right, public_id=interface_id, noun="network interface")


def list_idc_servers(*, user: Any, region_id: str | None = None) -> QuerySet[IdcServer]:
    """Return the IDC servers of a region or of all, by name."""
    rows = IdcServer.objects.select_related("region").order_by("name", "public_id")
    return visible(_in_region(rows, "region", region_id), user=user)


def get_idc_server(*, user: Any, right: Right, server_id: str) -> IdcServer:
    """Return one IDC server."""
    rows = IdcServer.objects.select_related("region")
    return find(rows, user=user, right=right, public_id=server_id, noun="IDC server")


def _ecs_instances() -> QuerySet[EcsInstance]:
    return EcsInstance.objects.select_related("zone__region", "vswitch__vpc")


def _interfaces() -> QuerySet[NetworkInterface]:
    rows = NetworkInterface.objects.select_related("vswitch__vpc", "vswitch__zone__region")
    return rows.select_related("instance").prefetch_related("addresses")


def _in_region(rows: QuerySet[Any], path: str, region_id: str | None) -> QuerySet[Any]:
    return rows if region_id is None else rows.filter(Q((f"{path}__public_id", region_id)))

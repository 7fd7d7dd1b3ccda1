"""Regions, networks and machines: registered, changed and removed like anything else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import django_filters
from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import AddressFilter, ResourceFilter, TaggedFilter, id_filter
from balancer.api.serializers.inventory import (
    EcsInstanceSerializer,
    IdcServerChange,
    IdcServerSerializer,
    NetworkInterfaceSerializer,
    RegionChange,
    RegionSerializer,
    VpcChange,
    VpcSerializer,
    VSwitchChange,
    VSwitchSerializer,
    ZoneChange,
    ZoneSerializer,
)
from balancer.api.views.base import ResourceViewSet, gone
from balancer.api.views.tags import TaggedViewSet
from balancer.choices import InterfaceKind, PowerState, TaggedResource
from balancer.models import (
    EcsInstance,
    IdcServer,
    NetworkInterface,
    Region,
    Vpc,
    VSwitch,
    Zone,
)
from balancer.models.base import EditedModel
from balancer.rights import Right
from balancer.selectors import inventory as selectors
from balancer.services.idc_servers import (
    register_idc_server,
    unregister_idc_server,
    update_idc_server,
)
from balancer.services.inventory import (
    create_ecs_instance,
    create_network_interface,
    delete_ecs_instance,
    delete_network_interface,
    update_ecs_instance,
    update_network_interface,
)
from balancer.services.places import (
    create_region,
    create_vpc,
    create_vswitch,
    create_zone,
    delete_place,
    rename_place,
)


@dataclass(frozen=True, slots=True)
class Acts:
    """The selectors and services of one noun, and what they call a row and its id."""

    list: Callable[..., QuerySet[Any]]
    get: Callable[..., Any]
    id_name: str
    create: Callable[..., Any]
    change: Callable[..., Any]
    delete: Callable[..., Any]
    row_name: str


class InventoryViewSet(ResourceViewSet):
    """What the views of all these nouns do; ``acts`` says with which functions."""

    acts: ClassVar[Acts]
    search_fields = ["name", "public_id"]
    ordering_fields = ["name", "public_id"]

    def get_queryset(self) -> QuerySet[Any]:
        """Return what the caller may see."""
        return self.acts.list(user=self.request.user)

    def find(self, right: Right) -> Any:
        """Return the row that the address names."""
        named = {self.acts.id_name: self.kwargs["id"]}
        return self.acts.get(user=self.request.user, right=right, **named)

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Register one."""
        assert self.serializer_class is not None, "every view names its serializer"
        values = self.read(self.serializer_class)
        return self.created(self.acts.create(actor=self.actor, **values))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change one; a new address reaches every load balancer that uses it."""
        row: Model = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(row)
        if isinstance(row, EditedModel):
            changes["expected"] = expected
        if changes.keys() - {"expected"}:
            row = self.acts.change(actor=self.actor, **{self.acts.row_name: row}, **changes)
        return self.answer(row)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Remove one that nothing uses."""
        row: Model = self.find(Right.CHANGE)
        expected = self.expected(row)
        options = {"expected": expected} if isinstance(row, EditedModel) else {}
        self.acts.delete(actor=self.actor, **{self.acts.row_name: row}, **options)
        return gone()


class ZoneFilter(ResourceFilter):
    """What a list of zones, or of VPCs, can be narrowed by."""

    region = id_filter("region", "Region ID.")


class VSwitchFilter(ResourceFilter):
    """What a list of vSwitches can be narrowed by."""

    region = id_filter("zone__region", "Region ID.")
    zone = id_filter("zone", "Zone ID.")
    vpc = id_filter("vpc", "VPC ID.")


class EcsInstanceFilter(TaggedFilter):
    """What a list of ECS instances can be narrowed by."""

    resource_types = (TaggedResource.ECS_INSTANCE,)

    region = id_filter("zone__region", "Region ID.")
    zone = id_filter("zone", "Zone ID.")
    vswitch = id_filter("vswitch", "vSwitch ID.")
    vpc = id_filter("vswitch__vpc", "VPC ID.")
    power_state = django_filters.ChoiceFilter(choices=PowerState.choices)
    private_address = AddressFilter(help_text="The whole address.")


class NetworkInterfaceFilter(ResourceFilter):
    """What a list of network interfaces can be narrowed by."""

    region = id_filter("vswitch__zone__region", "Region ID.")
    zone = id_filter("vswitch__zone", "Zone ID.")
    vswitch = id_filter("vswitch", "vSwitch ID.")
    instance = id_filter("instance", "ID of the bound ECS instance.")
    kind = django_filters.ChoiceFilter(choices=InterfaceKind.choices)


class IdcServerFilter(ResourceFilter):
    """What a list of IDC servers can be narrowed by."""

    region = id_filter("region", "Region ID.")
    address = AddressFilter(help_text="The whole address.")


class RegionViewSet(InventoryViewSet):
    """Regions."""

    acts = Acts(
        list=lambda user: selectors.list_regions(user),
        get=selectors.get_region,
        id_name="region_id",
        create=create_region,
        change=rename_place,
        delete=delete_place,
        row_name="place",
    )
    queryset = Region.objects.none()
    serializer_class = RegionSerializer
    change_serializer_class = RegionChange


class ZoneViewSet(InventoryViewSet):
    """Zones of regions."""

    acts = Acts(
        list=selectors.list_zones,
        get=selectors.get_zone,
        id_name="zone_id",
        create=create_zone,
        change=rename_place,
        delete=delete_place,
        row_name="place",
    )
    queryset = Zone.objects.none()
    serializer_class = ZoneSerializer
    change_serializer_class = ZoneChange
    filterset_class = ZoneFilter


class VpcViewSet(InventoryViewSet):
    """Private networks."""

    acts = Acts(
        list=selectors.list_vpcs,
        get=selectors.get_vpc,
        id_name="vpc_id",
        create=create_vpc,
        change=rename_place,
        delete=delete_place,
        row_name="place",
    )
    queryset = Vpc.objects.none()
    serializer_class = VpcSerializer
    change_serializer_class = VpcChange
    filterset_class = ZoneFilter


class VSwitchViewSet(InventoryViewSet):
    """Subnets of private networks."""

    acts = Acts(
        list=selectors.list_vswitches,
        get=selectors.get_vswitch,
        id_name="vswitch_id",
        create=create_vswitch,
        change=rename_place,
        delete=delete_place,
        row_name="place",
    )
    queryset = VSwitch.objects.none()
    serializer_class = VSwitchSerializer
    change_serializer_class = VSwitchChange
    filterset_class = VSwitchFilter


class EcsInstanceViewSet(InventoryViewSet, TaggedViewSet):
    """ECS instances."""

    acts = Acts(
        list=selectors.list_ecs_instances,
        get=selectors.get_ecs_instance,
        id_name="instance_id",
        create=create_ecs_instance,
        change=update_ecs_instance,
        delete=delete_ecs_instance,
        row_name="instance",
    )
    queryset = EcsInstance.objects.none()
    serializer_class = EcsInstanceSerializer
    change_serializer_class = EcsInstanceSerializer
    filterset_class = EcsInstanceFilter
    search_fields = ["name", "public_id", "private_address", "public_address"]
    ordering_fields = ["name", "public_id", "private_address", "created_at", "updated_at"]


class NetworkInterfaceViewSet(InventoryViewSet):
    """Network interfaces with their addresses."""

    acts = Acts(
        list=selectors.list_network_interfaces,
        get=selectors.get_network_interface,
        id_name="interface_id",
        create=create_network_interface,
        change=update_network_interface,
        delete=delete_network_interface,
        row_name="interface",
    )
    queryset = NetworkInterface.objects.none()
    serializer_class = NetworkInterfaceSerializer
    change_serializer_class = NetworkInterfaceSerializer
    filterset_class = NetworkInterfaceFilter
    search_fields = ["name", "public_id", "addresses__address"]
    ordering_fields = ["name", "public_id", "created_at", "updated_at"]


class IdcServerViewSet(InventoryViewSet):
    """Servers outside the cloud."""

    acts = Acts(
        list=selectors.list_idc_servers,
        get=selectors.get_idc_server,
        id_name="server_id",
        create=register_idc_server,
        change=update_idc_server,
        delete=unregister_idc_server,
        row_name="server",
    )
    queryset = IdcServer.objects.none()
    serializer_class = IdcServerSerializer
    change_serializer_class = IdcServerChange
    filterset_class = IdcServerFilter
    search_fields = ["name", "public_id", "address", "link"]
    ordering_fields = ["name", "public_id", "address", "created_at", "updated_at"]

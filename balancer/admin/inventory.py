"""Regions, networks and machines in the admin."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from balancer.actors import Actor
from balancer.admin.base import (
    EDITED_READONLY,
    EditedAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    RightsMixin,
    ServiceAdmin,
    TabularInline,
    actor_of,
)
from balancer.models import (
    EcsInstance,
    IdcServer,
    InterfaceAddress,
    NetworkInterface,
    Region,
    Vpc,
    VSwitch,
    Zone,
)
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


class PlaceAdmin(ServiceAdmin):
    """What places have in common: a chosen id, a name that can change, the rest stays."""

    create_place: ClassVar[Callable[..., Any]]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Register a place."""
        place: Model = type(self).create_place(actor=actor, **values)
        return place

    def change_row(
        self, actor: Actor, row: Any, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Rename the place."""
        if changes:
            rename_place(actor=actor, place=row, **changes)

    def delete_row(self, actor: Actor, row: Any) -> None:
        """Delete a place that nothing stands in."""
        delete_place(actor=actor, place=row)


class ZoneInline(ReadOnlyInline):
    """The zones of a region."""

    model = Zone
    fields = ["public_id", "name"]


class VSwitchInline(ReadOnlyInline):
    """The subnets of a network."""

    model = VSwitch
    fields = ["public_id", "name", "zone", "cidr"]


@admin.register(Region)
class RegionAdmin(PlaceAdmin):
    """Regions."""

    create_place = staticmethod(create_region)
    list_display = ["public_id", "name"]
    search_fields = ["public_id", "name"]
    readonly_on_change = ("public_id",)
    inlines = [ZoneInline]


@admin.register(Zone)
class ZoneAdmin(PlaceAdmin):
    """Zones."""

    create_place = staticmethod(create_zone)
    list_display = ["public_id", "name", "region"]
    list_filter = ["region"]
    search_fields = ["public_id", "name"]
    list_select_related = ["region"]
    autocomplete_fields = ["region"]
    readonly_on_change = ("public_id", "region")


@admin.register(Vpc)
class VpcAdmin(PlaceAdmin):
    """Private networks."""

    create_place = staticmethod(create_vpc)
    list_display = ["public_id", "name", "region", "cidr"]
    list_filter = ["region"]
    search_fields = ["public_id", "name", "cidr"]
    list_select_related = ["region"]
    autocomplete_fields = ["region"]
    readonly_on_change = ("public_id", "region", "cidr")
    inlines = [VSwitchInline]


@admin.register(VSwitch)
class VSwitchAdmin(PlaceAdmin):
    """Subnets of private networks."""

    create_place = staticmethod(create_vswitch)
    list_display = ["public_id", "name", "vpc", "zone", "cidr"]
    list_filter = ["zone__region", "zone"]
    search_fields = ["public_id", "name", "cidr"]
    list_select_related = ["vpc", "zone"]
    autocomplete_fields = ["vpc", "zone"]
    readonly_on_change = ("public_id", "vpc", "zone", "cidr")


class NetworkInterfaceInline(ReadOnlyInline):
    """The network interfaces of a machine."""

    model = NetworkInterface
    fields = ["public_id", "name", "kind", "vswitch"]
    readonly_fields = ["public_id"]


@admin.register(EcsInstance)
class EcsInstanceAdmin(EditedAdmin):
    """ECS instances; a new address reaches every load balancer that uses it."""

    list_display = ["name", "public_id", "zone", "private_address", "power_state"]
    list_filter = ["zone__region", "zone", "power_state"]
    search_fields = ["name", "public_id", "private_address", "public_address"]
    list_select_related = ["zone"]
    autocomplete_fields = ["vswitch"]
    readonly_fields = ["zone", *EDITED_READONLY]
    inlines = [NetworkInterfaceInline]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Register a machine; its zone is that of its vSwitch."""
        return create_ecs_instance(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: EcsInstance, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change the machine."""
        if changes:
            update_ecs_instance(actor=actor, instance=row, expected=expected, **changes)

    def delete_row(self, actor: Actor, row: EcsInstance) -> None:
        """Take the machine out of the inventory."""
        delete_ecs_instance(actor=actor, instance=row)


class InterfaceAddressInline(RightsMixin, TabularInline):
    """The addresses of an interface; the interface's service takes them all at once."""

    model = InterfaceAddress
    extra = 1


@admin.register(NetworkInterface)
class NetworkInterfaceAdmin(EditedAdmin):
    """Network interfaces with their addresses."""

    list_display = ["name", "public_id", "kind", "vswitch", "instance"]
    list_filter = ["kind", "vswitch__zone"]
    search_fields = ["name", "public_id", "addresses__address"]
    list_select_related = ["vswitch", "instance"]
    autocomplete_fields = ["vswitch", "instance"]
    readonly_fields = EDITED_READONLY
    inlines = [InterfaceAddressInline]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Register an interface; its addresses follow in the same transaction."""
        return create_network_interface(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: NetworkInterface, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change the interface itself."""
        if changes:
            update_network_interface(actor=actor, interface=row, expected=expected, **changes)

    def delete_row(self, actor: Actor, row: NetworkInterface) -> None:
        """Take the interface out of the inventory."""
        delete_network_interface(actor=actor, interface=row)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Give the interface exactly the addresses that the person left in the table."""
        super().save_formset(request, form, formset, change)
        if formset.model is not InterfaceAddress or not formset.has_changed():
            return
        kept = [row for row in formset.cleaned_data if row and not row.get("DELETE")]
        addresses = [{"address": row["address"], "is_primary": row["is_primary"]} for row in kept]
        update_network_interface(
            actor=actor_of(request), interface=form.instance, addresses=addresses
        )


@admin.register(InterfaceAddress)
class InterfaceAddressAdmin(ReadOnlyAdmin):
    """Single addresses; they are edited with their interface."""

    list_display = ["address", "interface", "is_primary"]
    list_filter = ["is_primary"]
    search_fields = ["address", "interface__name", "interface__public_id"]
    list_select_related = ["interface"]


@admin.register(IdcServer)
class IdcServerAdmin(EditedAdmin):
    """Servers outside the cloud."""

    list_display = ["name", "public_id", "region", "address", "link"]
    list_filter = ["region"]
    search_fields = ["name", "public_id", "address"]
    list_select_related = ["region"]
    autocomplete_fields = ["region"]
    readonly_fields = EDITED_READONLY
    readonly_on_change = ("region",)

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Register a machine."""
        return register_idc_server(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: IdcServer, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change the machine."""
        if changes:
            update_idc_server(actor=actor, server=row, expected=expected, **changes)

    def delete_row(self, actor: Actor, row: IdcServer) -> None:
        """Take the machine out of the inventory."""
        unregister_idc_server(actor=actor, server=row)

"""Load balancers in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from balancer.actors import Actor
from balancer.admin.base import EDITED_READONLY, EditedAdmin, ReadOnlyInline, actor_of
from balancer.models import Listener, LoadBalancer, ServerGroup
from balancer.services.load_balancers import (
    create_load_balancer,
    release_load_balancer,
    rename_load_balancer,
    set_deletion_protection,
    set_modification_protection,
    start_load_balancer,
    stop_load_balancer,
)
from balancer.services.locks import check_fresh
from balancer.services.specifications import change_bandwidth


class ListenerInline(ReadOnlyInline):
    """The listeners of a load balancer."""

    model = Listener
    fields = ["protocol", "port", "name", "status", "server_group", "check_enabled"]


class ServerGroupInline(ReadOnlyInline):
    """The server groups of a load balancer."""

    model = ServerGroup
    fields = ["kind", "name", "public_id"]
    readonly_fields = ["public_id"]


@admin.register(LoadBalancer)
class LoadBalancerAdmin(EditedAdmin):
    """Create, rename, protect, start, stop and release load balancers."""

    list_display = ["name", "public_id", "region", "address", "status", "specification"]
    list_filter = ["region", "status", "address_type", "deletion_protection"]
    search_fields = ["name", "public_id", "address"]
    list_select_related = ["region"]
    date_hierarchy = "created_at"
    autocomplete_fields = ["region", "primary_zone", "backup_zone", "vpc", "vswitch"]
    exclude = ["network_type"]
    readonly_fields = ["status", "owner", *EDITED_READONLY]
    readonly_on_change = (
        "region",
        "primary_zone",
        "backup_zone",
        "address",
        "address_type",
        "vpc",
        "vswitch",
        "specification",
    )
    inlines = [ListenerInline, ServerGroupInline]
    actions = ["start", "stop"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Let the address be left out: one is allocated."""
        form = super().get_form(request, obj, change=change, **kwargs)
        for name in ("address", "primary_zone"):
            if name in form.base_fields:
                form.base_fields[name].required = False
        return form

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Create a load balancer, and its protection against edits if that is wanted."""
        enabled = values.pop("modification_protection")
        reason = values.pop("modification_protection_reason")
        load_balancer = create_load_balancer(actor=actor, **values)
        if enabled:
            set_modification_protection(
                actor=actor, load_balancer=load_balancer, enabled=True, reason=reason
            )
        return load_balancer

    def change_row(
        self, actor: Actor, row: LoadBalancer, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Rename, limit or protect the load balancer."""
        check_fresh(row, expected)
        if "name" in changes:
            rename_load_balancer(actor=actor, load_balancer=row, name=changes["name"])
        if "bandwidth_mbps" in changes:
            change_bandwidth(
                actor=actor, load_balancer=row, bandwidth_mbps=changes["bandwidth_mbps"]
            )
        if "deletion_protection" in changes:
            set_deletion_protection(
                actor=actor, load_balancer=row, enabled=changes["deletion_protection"]
            )
        if changes.keys() & {"modification_protection", "modification_protection_reason"}:
            set_modification_protection(
                actor=actor,
                load_balancer=row,
                enabled=changes.get("modification_protection", row.modification_protection),
                reason=changes.get(
                    "modification_protection_reason", row.modification_protection_reason
                ),
            )

    def delete_row(self, actor: Actor, row: LoadBalancer) -> None:
        """Release the load balancer."""
        release_load_balancer(actor=actor, load_balancer=row)

    @admin.action(description="Start selected load balancers", permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[LoadBalancer]) -> None:
        """Let the selected load balancers serve."""
        for row in queryset:
            start_load_balancer(actor=actor_of(request), load_balancer=row)
        self.message_user(request, f"Started: {len(queryset)}.")

    @admin.action(description="Stop selected load balancers", permissions=["change"])
    def stop(self, request: HttpRequest, queryset: QuerySet[LoadBalancer]) -> None:
        """Let the selected load balancers serve nothing."""
        for row in queryset:
            stop_load_balancer(actor=actor_of(request), load_balancer=row)
        self.message_user(request, f"Stopped: {len(queryset)}.")

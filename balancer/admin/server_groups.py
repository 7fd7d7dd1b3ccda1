"""Server groups and backend servers in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from balancer.actors import Actor
from balancer.admin.base import EDITED_READONLY, EditedAdmin, ReadOnlyInline
from balancer.models import BackendServer, ServerGroup
from balancer.services.backend_servers import (
    NewServer,
    add_servers,
    describe_server,
    remove_servers,
    set_server_weight,
)
from balancer.services.server_groups import (
    create_server_group,
    delete_server_group,
    rename_server_group,
)

MACHINES = ("ecs_instance", "interface_address", "idc_server")


class BackendServerInline(ReadOnlyInline):
    """The servers of a group."""

    model = BackendServer
    fields = ["public_id", *MACHINES, "port", "weight", "role"]
    readonly_fields = ["public_id"]


@admin.register(ServerGroup)
class ServerGroupAdmin(EditedAdmin):
    """Create, rename and delete server groups."""

    list_display = ["name", "public_id", "kind", "load_balancer", "edit_number"]
    list_filter = ["kind", "load_balancer__region"]
    search_fields = ["name", "public_id", "load_balancer__name", "load_balancer__public_id"]
    list_select_related = ["load_balancer"]
    autocomplete_fields = ["load_balancer"]
    readonly_fields = EDITED_READONLY
    readonly_on_change = ("load_balancer", "kind")
    inlines = [BackendServerInline]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Create an empty group."""
        return create_server_group(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: ServerGroup, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Rename the group."""
        if "name" in changes:
            rename_server_group(actor=actor, group=row, expected=expected, name=changes["name"])

    def delete_row(self, actor: Actor, row: ServerGroup) -> None:
        """Delete a group that nothing uses."""
        delete_server_group(actor=actor, group=row)


@admin.register(BackendServer)
class BackendServerAdmin(EditedAdmin):
    """Add servers to groups, change their weights and descriptions, take them out."""

    list_display = ["name", "address", "machine_type", "port", "weight", "group", "public_id"]
    list_filter = ["role", "group__kind", "group__load_balancer__region"]
    search_fields = [
        "public_id",
        "description",
        "group__public_id",
        "ecs_instance__name",
        "ecs_instance__public_id",
        "interface_address__address",
        "idc_server__name",
        "idc_server__address",
    ]
    list_select_related = [
        "group",
        "ecs_instance",
        "interface_address__interface",
        "idc_server",
    ]
    autocomplete_fields = ["group", *MACHINES]
    readonly_fields = EDITED_READONLY
    readonly_on_change = ("group", *MACHINES, "port", "role")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Ask for exactly one machine before the service is asked."""
        form = super().get_form(request, obj, change=change, **kwargs)
        return form if obj is not None else type("NewServerForm", (_OneMachine, form), {})

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Add one server to its group."""
        group = values.pop("group")
        machine = next(machine for name in MACHINES if (machine := values.pop(name)) is not None)
        entry = BackendServer(**_machine_field(machine))
        server = NewServer(
            machine_type=entry.machine_type,
            machine_id=entry.machine_id,
            address=entry.address if entry.machine_type == "eni" else "",
            **{name: value for name, value in values.items() if name not in MACHINES},
        )
        (added,) = add_servers(actor=actor, group=group, servers=[server])
        return added

    def change_row(
        self, actor: Actor, row: BackendServer, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change the weight or the description."""
        if "weight" in changes:
            set_server_weight(actor=actor, server=row, weight=changes["weight"], expected=expected)
        if "description" in changes:
            describe_server(actor=actor, server=row, description=changes["description"])

    def delete_row(self, actor: Actor, row: BackendServer) -> None:
        """Take the server out of its group."""
        remove_servers(actor=actor, group=row.group, server_ids=[row.public_id])


class _OneMachine:
    """Says in words what the database constraint would say."""

    def clean(self) -> dict[str, Any] | None:
        """Return the values when exactly one machine is chosen."""
        values: dict[str, Any] | None = super().clean()  # type: ignore[misc]
        if values is not None and sum(values.get(name) is not None for name in MACHINES) != 1:
            raise forms.ValidationError("Choose exactly one machine.", code="one_machine")
        return values


def _machine_field(machine: Model) -> dict[str, Model]:
    names = dict(zip(("EcsInstance", "InterfaceAddress", "IdcServer"), MACHINES, strict=True))
    return {names[type(machine).__name__]: machine}

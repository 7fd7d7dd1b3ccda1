"""Access lists, edited through the services; tags, shown only.

Nothing is stored that is not in force (``domain/support.py``), so what the proxies do not apply is
not entered here yet.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Model

from balancer.actors import Actor
from balancer.admin.base import (
    EDITED_READONLY,
    EditedAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ServiceAdmin,
)
from balancer.domain.access import NewEntry
from balancer.models import AccessList, AccessListEntry, Tag
from balancer.services.access_lists import (
    add_entries,
    create_access_list,
    delete_access_list,
    remove_entries,
    rename_access_list,
)


class AccessListEntryInline(ReadOnlyInline):
    """The networks of an access list."""

    model = AccessListEntry


@admin.register(AccessList)
class AccessListAdmin(EditedAdmin):
    """Create, rename and delete lists of networks."""

    list_display = ["name", "public_id", "region", "edit_number", "updated_at"]
    list_filter = ["region"]
    search_fields = ["name", "public_id", "entries__network"]
    list_select_related = ["region"]
    autocomplete_fields = ["region"]
    readonly_fields = EDITED_READONLY
    readonly_on_change = ("region",)
    inlines = [AccessListEntryInline]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Create an empty list."""
        return create_access_list(actor=actor, **values)

    def change_row(
        self, actor: Actor, row: AccessList, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Rename the list."""
        if "name" in changes:
            rename_access_list(
                actor=actor, access_list=row, name=changes["name"], expected=expected
            )

    def delete_row(self, actor: Actor, row: AccessList) -> None:
        """Delete a list that no listener uses."""
        delete_access_list(actor=actor, access_list=row)


@admin.register(AccessListEntry)
class AccessListEntryAdmin(ServiceAdmin):
    """Add single networks to access lists and take them out."""

    list_display = ["network", "access_list", "description"]
    search_fields = ["network", "description", "access_list__name"]
    list_select_related = ["access_list"]
    autocomplete_fields = ["access_list"]
    readonly_on_change = ("access_list", "network", "description")

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Add one network."""
        entry = NewEntry(values["network"], values["description"])
        (added,) = add_entries(actor=actor, access_list=values["access_list"], entries=[entry])
        return added

    def change_row(
        self, actor: Actor, row: AccessListEntry, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change nothing: every field is shown only."""

    def delete_row(self, actor: Actor, row: AccessListEntry) -> None:
        """Take the network out of its list."""
        remove_entries(actor=actor, access_list=row.access_list, networks=[row.network])


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    """Tags of all resources."""

    list_display = ["resource_type", "resource_id", "key", "value"]
    list_filter = ["resource_type"]
    search_fields = ["resource_id", "key", "value"]

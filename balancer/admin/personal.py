"""What belongs to single users: unfinished input and preferences."""

from typing import Any

from django.contrib import admin

from balancer.actors import Actor
from balancer.admin.base import OwnRowsMixin, ReadOnlyAdmin, ServiceAdmin
from balancer.models import Draft, UserPreference
from balancer.rights import Right
from balancer.services.preferences import update_preference


@admin.register(Draft)
class DraftAdmin(OwnRowsMixin, ReadOnlyAdmin):
    """Unfinished input of panels and wizards."""

    list_display = ["public_id", "user", "kind", "subject_id", "updated_at"]
    list_filter = ["kind"]
    search_fields = ["public_id", "subject_id", "user__username"]
    list_select_related = ["user"]


@admin.register(UserPreference)
class UserPreferenceAdmin(OwnRowsMixin, ServiceAdmin):
    """How each user wants the console; an administrator may correct it."""

    write_right = Right.ADMINISTER
    list_display = ["user", "theme", "navigation_folded", "last_region"]
    list_filter = ["theme"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    readonly_on_change = ("user",)

    def has_add_permission(self, request: Any, *args: Any) -> bool:
        """The console makes them."""
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        """They go with their user."""
        return False

    def change_row(
        self, actor: Actor, row: UserPreference, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Keep the changed preferences."""
        update_preference(row.user, **changes)

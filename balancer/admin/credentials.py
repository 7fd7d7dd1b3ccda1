"""API tokens and access keys: listed, disabled and enabled, never shown.

They are made through the REST API, whose answer shows the secret once; a page of the admin would
keep it in the browser's history.
"""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from balancer.actors import Actor
from balancer.admin.base import OwnRowsMixin, ServiceAdmin, actor_of
from balancer.models import AccessKey, ApiToken
from balancer.rights import Right
from balancer.services.credentials import (
    disable_access_key,
    enable_access_key,
    revoke_api_token,
)


class CredentialAdmin(OwnRowsMixin, ServiceAdmin):
    """What tokens and keys have in common here."""

    write_right = Right.ADMINISTER
    list_filter = ["is_active"]
    list_select_related = ["user"]
    date_hierarchy = "created_at"

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """See the module."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The row stays, for the record."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(CredentialAdmin):
    """Tokens of the REST API; a revoked one stays revoked."""

    list_display = ["name", "hint", "user", "is_active", "created_at", "last_used_at"]
    search_fields = ["name", "hint", "user__username"]
    readonly_fields = ["name", "hint", "user", "is_active", "created_at", "last_used_at"]
    actions = ["revoke"]

    @admin.action(description="Revoke selected API tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Make the selected tokens useless for good."""
        for token in queryset:
            revoke_api_token(actor=actor_of(request), token=token)
        self.message_user(request, f"Revoked: {len(queryset)}.")

    def change_row(
        self, actor: Actor, row: ApiToken, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change nothing: every field is shown only."""


@admin.register(AccessKey)
class AccessKeyAdmin(CredentialAdmin):
    """Key pairs of the RPC API."""

    list_display = ["key_id", "user", "is_active", "created_at", "last_used_at"]
    search_fields = ["key_id", "user__username"]
    readonly_fields = ["key_id", "user", "created_at", "last_used_at"]

    def change_row(
        self, actor: Actor, row: AccessKey, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Disable or enable the key."""
        if "is_active" in changes:
            switch = enable_access_key if changes["is_active"] else disable_access_key
            switch(actor=actor, key=row)

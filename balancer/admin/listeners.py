"""Listeners and forwarding rules in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from balancer.actors import Actor
from balancer.admin.base import (
    EDITED_READONLY,
    EditedAdmin,
    ReadOnlyInline,
    actor_of,
)
from balancer.models import ForwardingRule, Listener
from balancer.services.forwarding_rules import (
    create_forwarding_rule,
    delete_forwarding_rule,
    update_forwarding_rule,
)
from balancer.services.listeners import (
    create_listener,
    delete_listener,
    start_listener,
    stop_listener,
    update_listener,
)


class ForwardingRuleInline(ReadOnlyInline):
    """The forwarding rules of a listener."""

    model = ForwardingRule
    fields = ["name", "domain", "path", "server_group"]


@admin.register(Listener)
class ListenerAdmin(EditedAdmin):
    """Create, change, start, stop and delete listeners.

    An option that the proxies do not apply yet is refused by name.
    """

    list_display = [
        "load_balancer",
        "protocol",
        "port",
        "name",
        "status",
        "server_group",
        "primary_group",
        "secondary_group",
    ]
    list_display_links = ["protocol", "port"]
    list_filter = ["protocol", "status", "scheduler", "check_enabled"]
    search_fields = ["name", "public_id", "load_balancer__name", "load_balancer__public_id"]
    list_select_related = ["load_balancer", "server_group", "primary_group", "secondary_group"]
    autocomplete_fields = [
        "load_balancer",
        "server_group",
        "primary_group",
        "secondary_group",
        "access_lists",
    ]
    raw_id_fields = ["certificate", "client_ca_certificate"]
    readonly_fields = ["status", *EDITED_READONLY]
    readonly_on_change = ("load_balancer", "protocol", "port")
    inlines = [ForwardingRuleInline]
    actions = ["start", "stop"]

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Create a listener; it starts when it is told to.

        What was left at the column's default is left to the service, which knows better ones.
        """
        access_lists = list(values.pop("access_lists"))
        untouched = Listener()
        given = {
            name: value for name, value in values.items() if value != getattr(untouched, name, None)
        }
        return create_listener(actor=actor, access_lists=access_lists, **given)

    def change_row(
        self, actor: Actor, row: Listener, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change options of the listener."""
        if changes:
            update_listener(actor=actor, listener=row, expected=expected, **changes)

    def delete_row(self, actor: Actor, row: Listener) -> None:
        """Delete the listener."""
        delete_listener(actor=actor, listener=row)

    @admin.action(description="Start selected listeners", permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Listener]) -> None:
        """Let the selected listeners serve."""
        for row in queryset:
            start_listener(actor=actor_of(request), listener=row)
        self.message_user(request, f"Started: {len(queryset)}.")

    @admin.action(description="Stop selected listeners", permissions=["change"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Listener]) -> None:
        """Let the selected listeners serve nothing."""
        for row in queryset:
            stop_listener(actor=actor_of(request), listener=row)
        self.message_user(request, f"Stopped: {len(queryset)}.")


@admin.register(ForwardingRule)
class ForwardingRuleAdmin(EditedAdmin):
    """Create, change and delete forwarding rules."""

    list_display = ["name", "listener", "domain", "path", "server_group"]
    list_filter = ["inherits_settings", "listener__load_balancer__region"]
    search_fields = ["name", "public_id", "domain", "path", "listener__public_id"]
    list_select_related = ["listener", "server_group"]
    autocomplete_fields = ["listener", "server_group"]
    exclude = ["check_request", "check_expected_answer"]
    readonly_fields = EDITED_READONLY
    readonly_on_change = ("listener", "domain", "path")

    def create_row(self, actor: Actor, values: dict[str, Any]) -> Model:
        """Create a rule; what was left at the column's default is left to the service."""
        untouched = ForwardingRule()
        given = {
            name: value
            for name, value in values.items()
            if name in {"listener", "server_group"} or value != getattr(untouched, name, None)
        }
        return create_forwarding_rule(actor=actor, **({"name": ""} | given))

    def change_row(
        self, actor: Actor, row: ForwardingRule, changes: dict[str, Any], expected: int | None
    ) -> None:
        """Change name, group or settings of the rule."""
        if changes:
            update_forwarding_rule(actor=actor, rule=row, expected=expected, **changes)

    def delete_row(self, actor: Actor, row: ForwardingRule) -> None:
        """Delete the rule."""
        delete_forwarding_rule(actor=actor, rule=row)

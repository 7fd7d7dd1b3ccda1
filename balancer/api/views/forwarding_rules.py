"""Forwarding rules: create, change, delete."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from balancer.api.filters import ResourceFilter, id_filter
from balancer.api.serializers.forwarding_rules import (
    ForwardingRuleChange,
    ForwardingRuleSerializer,
)
from balancer.api.views.base import ResourceViewSet, gone
from balancer.models import ForwardingRule
from balancer.rights import Right
from balancer.selectors.forwarding_rules import get_forwarding_rule, list_forwarding_rules
from balancer.services.forwarding_rules import (
    create_forwarding_rule,
    delete_forwarding_rule,
    update_forwarding_rule,
)


class ForwardingRuleFilter(ResourceFilter):
    """What a list of forwarding rules can be narrowed by."""

    listener = id_filter("listener", "Listener ID.")
    load_balancer = id_filter("listener__load_balancer", "Load balancer ID.")
    server_group = id_filter("server_group", "Server group ID.")
    domain = django_filters.CharFilter(help_text="The whole domain.")


class ForwardingRuleViewSet(ResourceViewSet):
    """Forwarding rules of HTTP and HTTPS listeners."""

    serializer_class = ForwardingRuleSerializer
    change_serializer_class = ForwardingRuleChange
    filterset_class = ForwardingRuleFilter
    queryset = ForwardingRule.objects.none()
    search_fields = ["name", "public_id", "domain", "path"]
    ordering_fields = ["name", "domain", "path", "created_at", "updated_at"]

    def get_queryset(self) -> QuerySet[ForwardingRule]:
        """Return what the caller may see."""
        return list_forwarding_rules(user=self.request.user)

    def find(self, right: Right) -> ForwardingRule:
        """Return the rule that the address names."""
        return get_forwarding_rule(user=self.request.user, right=right, rule_id=self.kwargs["id"])

    def create(self, request: Request, **kwargs: Any) -> Response:
        """Create a rule: requests of its domain and path go to its group from then on."""
        values = self.read(ForwardingRuleSerializer)
        return self.created(create_forwarding_rule(actor=self.actor, **values))

    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change the name, the group or the settings; domain and path stay."""
        rule = self.find(Right.CHANGE)
        changes = self.changes()
        expected = self.expected(rule)
        if changes:
            rule = update_forwarding_rule(actor=self.actor, rule=rule, expected=expected, **changes)
        return self.answer(rule)

    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a rule; its requests go where the next rule or the listener says."""
        rule = self.find(Right.CHANGE)
        expected = self.expected(rule)
        delete_forwarding_rule(actor=self.actor, rule=rule, expected=expected)
        return gone()

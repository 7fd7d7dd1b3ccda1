"""Forwarding rules as JSON, with the settings they have of their own."""

from typing import Any

from rest_framework import serializers

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Resource
from balancer.api.serializers.listeners import OPTION_PATTERNS, RANGES
from balancer.models import ForwardingRule
from balancer.services.forwarding_rules import SETTINGS

MATCH = ["listener", "domain", "path"]
"""What makes a rule this rule and not another."""
UDP_ONLY = {"check_request", "check_expected_answer"}


class ForwardingRuleSerializer(Resource):
    """A rule; its settings are in force unless it inherits those of its listener."""

    patterns = {
        "name": rules.RULE_NAME,
        "domain": rules.DOMAIN,
        "path": rules.RULE_PATH,
        **OPTION_PATTERNS,
    }

    load_balancer = serializers.CharField(source="listener.load_balancer.public_id", read_only=True)

    class Meta:
        model = ForwardingRule
        fields = [
            "id",
            "load_balancer",
            *MATCH,
            "name",
            "server_group",
            "inherits_settings",
            *sorted(SETTINGS - UDP_ONLY),
            *EDITED_FIELDS,
        ]
        read_only_fields = EDITED_FIELDS
        extra_kwargs: dict[str, dict[str, Any]] = {
            name: {"min_value": minimum, "max_value": maximum}
            for name, (minimum, maximum) in RANGES.items()
            if name in SETTINGS
        }


class ForwardingRuleChange(ForwardingRuleSerializer):
    """What of a rule can be changed: everything but what it matches."""

    class Meta(ForwardingRuleSerializer.Meta):
        read_only_fields = [*MATCH, *EDITED_FIELDS]

"""Listeners as JSON, with the options of every protocol."""

from typing import Any

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Resource
from balancer.api.serializers.fields import Flag, PublicId, Text
from balancer.constants import (
    BANDWIDTH_RANGE_MBPS,
    CHECK_INTERVAL_RANGE_S,
    CHECK_THRESHOLD_RANGE,
    CHECK_TIMEOUT_RANGE_S,
    COOKIE_TIMEOUT_RANGE_S,
    DRAIN_TIMEOUT_RANGE_S,
    ESTABLISHED_TIMEOUT_RANGE_S,
    FAILOVER_THRESHOLD_RANGE,
    IDLE_TIMEOUT_RANGE_S,
    MAX_NAME_CHARACTERS,
    MAX_PORT,
    MIN_PORT,
    PERSISTENCE_TIMEOUT_RANGE_S,
    REQUEST_TIMEOUT_RANGE_S,
    UNLIMITED_BANDWIDTH_MBPS,
)
from balancer.models import AccessList, Listener

RANGES: dict[str, tuple[int, int]] = {
    "port": (MIN_PORT, MAX_PORT),
    "backend_port": (MIN_PORT, MAX_PORT),
    "check_port": (MIN_PORT, MAX_PORT),
    "redirect_port": (MIN_PORT, MAX_PORT),
    "check_interval_s": CHECK_INTERVAL_RANGE_S,
    "check_timeout_s": CHECK_TIMEOUT_RANGE_S,
    "check_healthy_threshold": CHECK_THRESHOLD_RANGE,
    "check_unhealthy_threshold": CHECK_THRESHOLD_RANGE,
    "persistence_timeout_s": PERSISTENCE_TIMEOUT_RANGE_S,
    "drain_timeout_s": DRAIN_TIMEOUT_RANGE_S,
    "failover_threshold": FAILOVER_THRESHOLD_RANGE,
    "idle_timeout_s": IDLE_TIMEOUT_RANGE_S,
    "request_timeout_s": REQUEST_TIMEOUT_RANGE_S,
    "established_timeout_s": ESTABLISHED_TIMEOUT_RANGE_S,
    "bandwidth_mbps": (UNLIMITED_BANDWIDTH_MBPS, BANDWIDTH_RANGE_MBPS[1]),
    "cookie_timeout_s": COOKIE_TIMEOUT_RANGE_S,
}

OPTION_PATTERNS = {
    "check_path": rules.CHECK_PATH,
    "check_host": rules.CHECK_HOST,
    "check_expected_classes": rules.STATUS_CLASSES,
    "check_request": rules.ASCII_WORD,
    "check_expected_answer": rules.ASCII_WORD,
    "cookie_name": rules.COOKIE_NAME,
}
"""What the document says of texts that listeners and their rules share."""

IDENTITY = ["load_balancer", "protocol", "port"]
"""What makes a listener this listener and not another."""


class ListenerChange(Resource):
    """What of a listener can be changed; starting and stopping are acts of their own."""

    patterns = {
        "name": rules.GROUP_NAME,
        "description": rules.DESCRIPTION,
        **OPTION_PATTERNS,
    }

    access_lists = PublicId(
        queryset=AccessList.objects.all(),
        many=True,
        required=False,
        help_text="IDs of access lists; with access_enabled and access_kind.",
    )

    class Meta:
        model = Listener
        exclude = ["public_id"]
        read_only_fields = ["status", *IDENTITY, *EDITED_FIELDS]
        extra_kwargs: dict[str, dict[str, Any]] = {
            name: {"min_value": minimum, "max_value": maximum}
            for name, (minimum, maximum) in RANGES.items()
        }


class ListenerSerializer(ListenerChange):
    """A listener; an option that the proxies do not apply yet is refused by name."""

    name = Text(max_length=MAX_NAME_CHARACTERS, required=False, allow_blank=True)
    start = Flag(write_only=True, required=False, help_text="Whether it serves at once.")

    class Meta(ListenerChange.Meta):
        read_only_fields = ["status", *EDITED_FIELDS]

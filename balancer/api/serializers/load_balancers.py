"""Load balancers as JSON, and how far their configuration has come."""

from typing import Any

from rest_framework import serializers

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Input, Resource
from balancer.api.serializers.fields import Flag, Text, WholeNumber
from balancer.constants import (
    BANDWIDTH_RANGE_MBPS,
    MAX_NAME_CHARACTERS,
    MAX_PROTECTION_REASON_CHARACTERS,
    UNLIMITED_BANDWIDTH_MBPS,
)
from balancer.models import LoadBalancer
from balancer.selectors.publishing import ApplyState

OWNED_BY_SYSTEM = [
    "status",
    "network_type",
    "modification_protection",
    "modification_protection_reason",
    *EDITED_FIELDS,
]


class LoadBalancerSerializer(Resource):
    """A load balancer; whoever creates it leaves out what the system should choose."""

    patterns = {"name": rules.LOAD_BALANCER_NAME}

    name = Text(max_length=MAX_NAME_CHARACTERS, required=False, allow_blank=True)
    address = serializers.IPAddressField(protocol="ipv4", required=False)
    bandwidth_mbps = WholeNumber(
        min_value=UNLIMITED_BANDWIDTH_MBPS,
        max_value=BANDWIDTH_RANGE_MBPS[1],
        required=False,
        help_text="Of all listeners together, for each direction and each proxy node; -1: no "
        "limit.",
    )

    resource_group = Text(
        max_length=MAX_NAME_CHARACTERS,
        required=False,
        help_text="A name that clients of the RPC API sort instances by; it has no other effect.",
    )

    class Meta:
        model = LoadBalancer
        fields = [
            "id",
            "name",
            "region",
            "primary_zone",
            "backup_zone",
            "address",
            "address_type",
            "network_type",
            "vpc",
            "vswitch",
            "specification",
            "bandwidth_mbps",
            "resource_group",
            "status",
            "deletion_protection",
            "modification_protection",
            "modification_protection_reason",
            *EDITED_FIELDS,
        ]
        read_only_fields = OWNED_BY_SYSTEM
        extra_kwargs = {"primary_zone": {"required": False}}


CHANGEABLE = {"id", "name", "bandwidth_mbps", "specification", "resource_group"}


class LoadBalancerChange(LoadBalancerSerializer):
    """What of a load balancer can be changed in place; protections have acts of their own."""

    name = Text(max_length=MAX_NAME_CHARACTERS, required=False)
    address = serializers.IPAddressField(protocol="ipv4", read_only=True)

    class Meta(LoadBalancerSerializer.Meta):
        read_only_fields = [
            name for name in LoadBalancerSerializer.Meta.fields if name not in CHANGEABLE
        ]


class ProtectionInput(Input):
    """Which protections to switch; what is left out stays as it is."""

    patterns = {"reason": rules.MACHINE_NAME}

    deletion_protection = Flag(required=False)
    modification_protection = Flag(required=False)
    reason = Text(
        required=False,
        allow_blank=True,
        max_length=MAX_PROTECTION_REASON_CHARACTERS,
        help_text="Why changes in the console are forbidden.",
    )


class NodeStatusSerializer(serializers.Serializer[Any]):
    """What one proxy node says of the configuration; an error is why it refused a later one."""

    node = serializers.CharField()
    version = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)


class ListenerFaultSerializer(serializers.Serializer[Any]):
    """Why a node could not serve a listener."""

    error = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(help_text="The error in words.")
    hint = serializers.CharField(help_text="What to do.")


class PublishStatusSerializer(serializers.Serializer[Any]):
    """How far the newest configuration has come: wanted, published, applied."""

    wanted = serializers.IntegerField()
    published = serializers.IntegerField()
    state = serializers.ChoiceField(choices=[state.value for state in ApplyState])
    nodes = NodeStatusSerializer(many=True)
    faults = serializers.DictField(child=ListenerFaultSerializer(many=True))

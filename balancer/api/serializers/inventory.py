"""Regions, networks and machines as JSON."""

from rest_framework import serializers

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Input, Resource
from balancer.api.serializers.fields import Flag, Text
from balancer.models import (
    EcsInstance,
    IdcServer,
    NetworkInterface,
    Region,
    Vpc,
    VSwitch,
    Zone,
)

MAX_ID_CHARACTERS = 40
PLACE_PATTERNS = {"id": rules.PLACE_ID, "name": rules.MACHINE_NAME}


class RegionChange(Resource):
    """What of a region can be changed."""

    patterns = {"name": rules.MACHINE_NAME}

    class Meta:
        model = Region
        fields = ["id", "name"]


class RegionSerializer(RegionChange):
    """A region; its id is chosen by whoever registers it."""

    patterns = PLACE_PATTERNS

    id = Text(source="public_id", max_length=MAX_ID_CHARACTERS)


class ZoneChange(Resource):
    """What of a zone can be changed."""

    patterns = {"name": rules.MACHINE_NAME}

    class Meta:
        model = Zone
        fields = ["id", "name", "region"]
        read_only_fields = ["region"]


class ZoneSerializer(ZoneChange):
    """A zone of a region."""

    patterns = PLACE_PATTERNS

    id = Text(source="public_id", max_length=MAX_ID_CHARACTERS)

    class Meta(ZoneChange.Meta):
        read_only_fields: list[str] = []


class VpcChange(Resource):
    """What of a VPC can be changed."""

    patterns = {"name": rules.MACHINE_NAME}

    class Meta:
        model = Vpc
        fields = ["id", "name", "region", "cidr"]
        read_only_fields = ["region", "cidr"]


class VpcSerializer(VpcChange):
    """A private network."""

    patterns = PLACE_PATTERNS

    id = Text(source="public_id", max_length=MAX_ID_CHARACTERS)

    class Meta(VpcChange.Meta):
        read_only_fields: list[str] = []


class VSwitchChange(Resource):
    """What of a vSwitch can be changed."""

    patterns = {"name": rules.MACHINE_NAME}

    class Meta:
        model = VSwitch
        fields = ["id", "name", "vpc", "zone", "cidr"]
        read_only_fields = ["vpc", "zone", "cidr"]


class VSwitchSerializer(VSwitchChange):
    """A subnet of a VPC in one zone."""

    patterns = PLACE_PATTERNS

    id = Text(source="public_id", max_length=MAX_ID_CHARACTERS)

    class Meta(VSwitchChange.Meta):
        read_only_fields: list[str] = []


class EcsInstanceSerializer(Resource):
    """An ECS instance; its zone and VPC are those of its vSwitch."""

    patterns = {"name": rules.MACHINE_NAME, "operating_system": rules.MACHINE_NAME}

    zone = serializers.CharField(source="zone.public_id", read_only=True)
    region = serializers.CharField(source="zone.region.public_id", read_only=True)
    vpc = serializers.CharField(source="vswitch.vpc.public_id", read_only=True)

    class Meta:
        model = EcsInstance
        fields = [
            "id",
            "name",
            "region",
            "zone",
            "vpc",
            "vswitch",
            "private_address",
            "public_address",
            "power_state",
            "operating_system",
            *EDITED_FIELDS,
        ]
        read_only_fields = EDITED_FIELDS


class InterfaceAddressInput(Input):
    """One private address to give to a network interface."""

    address = serializers.IPAddressField(protocol="ipv4")
    is_primary = Flag(default=False)


class NetworkInterfaceSerializer(Resource):
    """A network interface with its addresses."""

    patterns = {"name": rules.MACHINE_NAME}

    addresses = InterfaceAddressInput(many=True, required=False)

    class Meta:
        model = NetworkInterface
        fields = ["id", "name", "kind", "vswitch", "instance", "addresses", *EDITED_FIELDS]
        read_only_fields = EDITED_FIELDS


class IdcServerSerializer(Resource):
    """A server outside the cloud."""

    patterns = {
        "name": rules.MACHINE_NAME,
        "link": rules.MACHINE_NAME,
        "note": rules.MACHINE_NAME,
    }

    class Meta:
        model = IdcServer
        fields = ["id", "name", "region", "address", "link", "note", *EDITED_FIELDS]
        read_only_fields = EDITED_FIELDS


class IdcServerChange(IdcServerSerializer):
    """What of an IDC server can be changed."""

    class Meta(IdcServerSerializer.Meta):
        read_only_fields = ["region", *EDITED_FIELDS]

"""Server groups and the backend servers in them as JSON."""

from rest_framework import serializers

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Input, Resource
from balancer.api.serializers.fields import Choice, PublicId, Text, WholeNumber
from balancer.choices import SERVER_ROLE_CHOICES
from balancer.constants import (
    DEFAULT_WEIGHT,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_PORT,
    MAX_WEIGHT,
    MIN_PORT,
    MIN_WEIGHT,
)
from balancer.models import BackendServer, ServerGroup
from proxy.snapshot import ServerRole

MACHINE_TYPES = ["ecs", "eni", "idc"]
MAX_LISTED = 1000
MAX_REPLACED = 20_000
"""More than any limit of servers: the services say the real one."""


class NewServerInput(Input):
    """A server to add: which machine, at which port, with which weight."""

    patterns = {"description": rules.DESCRIPTION}

    machine_type = Choice(choices=MACHINE_TYPES)
    machine_id = Text(max_length=40, help_text="ID of the ECS instance, ENI or IDC server.")
    address = serializers.IPAddressField(
        protocol="ipv4", required=False, help_text="Which address of the ENI."
    )
    port = WholeNumber(
        min_value=MIN_PORT,
        max_value=MAX_PORT,
        required=False,
        allow_null=True,
        help_text="Not in the default group: there the listener brings it.",
    )
    weight = WholeNumber(min_value=MIN_WEIGHT, max_value=MAX_WEIGHT, default=DEFAULT_WEIGHT)
    role = Choice(choices=SERVER_ROLE_CHOICES, default=ServerRole.MEMBER.value)
    description = Text(max_length=MAX_DESCRIPTION_CHARACTERS, allow_blank=True, default="")


class ServersInput(Input):
    """Servers to add in one act: all of them or none."""

    servers = serializers.ListField(
        child=NewServerInput(), allow_empty=False, min_length=1, max_length=MAX_LISTED
    )


class WantedServersInput(Input):
    """All the servers that a group is to have, in any order; an empty list empties the group."""

    servers = serializers.ListField(child=NewServerInput(), max_length=MAX_REPLACED)


class ServerWeightInput(Input):
    """One server's new weight."""

    id = Text(max_length=40)
    weight = WholeNumber(min_value=MIN_WEIGHT, max_value=MAX_WEIGHT)
    edit_number = WholeNumber(
        min_value=1, max_value=2**31 - 1, required=False, help_text="As read: refused when stale."
    )


class WeightsInput(Input):
    """New weights of several servers of a group: all of them or none."""

    servers = serializers.ListField(
        child=ServerWeightInput(), allow_empty=False, min_length=1, max_length=MAX_LISTED
    )


class ServerIdsInput(Input):
    """Servers to take out of a group; those that are not in it are passed over."""

    servers = serializers.ListField(
        child=Text(max_length=40), allow_empty=False, min_length=1, max_length=MAX_LISTED
    )


class ServerGroupSerializer(Resource):
    """A server group; creating one may bring its first servers."""

    patterns = {"name": rules.GROUP_NAME}

    servers = serializers.ListField(
        child=NewServerInput(), required=False, write_only=True, max_length=MAX_LISTED
    )

    class Meta:
        model = ServerGroup
        fields = ["id", "load_balancer", "kind", "name", "servers", *EDITED_FIELDS]
        read_only_fields = EDITED_FIELDS


class ServerGroupChange(Resource):
    """What of a server group can be changed: its name."""

    patterns = {"name": rules.GROUP_NAME}

    class Meta:
        model = ServerGroup
        fields = ["id", "load_balancer", "kind", "name", *EDITED_FIELDS]
        read_only_fields = ["load_balancer", "kind", *EDITED_FIELDS]


class BackendServerSerializer(Resource):
    """A backend server: what it points at, where traffic goes, and its weight."""

    group = serializers.CharField(source="group.public_id", read_only=True)
    load_balancer = serializers.CharField(source="group.load_balancer.public_id", read_only=True)
    machine_type = serializers.ChoiceField(choices=MACHINE_TYPES, read_only=True)
    machine_id = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    address = serializers.IPAddressField(protocol="ipv4", read_only=True)

    class Meta:
        model = BackendServer
        fields = [
            "id",
            "group",
            "load_balancer",
            "machine_type",
            "machine_id",
            "name",
            "address",
            "port",
            "weight",
            "role",
            "description",
            *EDITED_FIELDS,
        ]
        read_only_fields = fields


class BackendServerChange(BackendServerSerializer):
    """What of a backend server can be changed in place."""

    patterns = {"description": rules.DESCRIPTION}

    class Meta(BackendServerSerializer.Meta):
        read_only_fields = [
            name
            for name in BackendServerSerializer.Meta.fields
            if name not in {"weight", "description"}
        ]
        extra_kwargs = {"weight": {"min_value": MIN_WEIGHT, "max_value": MAX_WEIGHT}}


class NewBackendServer(NewServerInput):
    """A server to add to the group that is named with it."""

    group = PublicId(queryset=ServerGroup.objects.all(), help_text="ID of the server group.")

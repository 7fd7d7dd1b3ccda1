"""Access lists and their networks as JSON."""

from rest_framework import serializers

from balancer.api import patterns as rules
from balancer.api.serializers.base import EDITED_FIELDS, Input, Resource
from balancer.api.serializers.fields import Text
from balancer.constants import MAX_DESCRIPTION_CHARACTERS
from balancer.models import AccessList, AccessListEntry

MAX_NETWORK_CHARACTERS = 60
MAX_LISTED = 1000
"""More than any limit of networks: the services say the real one."""


class NewEntryInput(Input):
    """A network to add."""

    patterns = {"description": rules.DESCRIPTION}

    network = Text(
        max_length=MAX_NETWORK_CHARACTERS,
        help_text="IPv4 network in CIDR form, or an address.",
    )
    description = Text(max_length=MAX_DESCRIPTION_CHARACTERS, allow_blank=True, default="")


class EntriesInput(Input):
    """Networks to add in one act: all of them or none."""

    entries = serializers.ListField(
        child=NewEntryInput(), allow_empty=False, min_length=1, max_length=MAX_LISTED
    )


class NetworksInput(Input):
    """Networks to take out of a list; those that are not in it are passed over."""

    networks = serializers.ListField(
        child=Text(max_length=MAX_NETWORK_CHARACTERS),
        allow_empty=False,
        min_length=1,
        max_length=MAX_LISTED,
    )


class AccessListSerializer(Resource):
    """An access list; creating one may bring its first networks."""

    patterns = {"name": rules.GROUP_NAME}

    entries = serializers.ListField(
        child=NewEntryInput(), required=False, write_only=True, max_length=MAX_LISTED
    )

    class Meta:
        model = AccessList
        fields = ["id", "region", "name", "entries", *EDITED_FIELDS]
        read_only_fields = EDITED_FIELDS


class AccessListChange(Resource):
    """What of an access list can be changed: its name."""

    patterns = {"name": rules.GROUP_NAME}

    class Meta:
        model = AccessList
        fields = ["id", "region", "name", *EDITED_FIELDS]
        read_only_fields = ["region", *EDITED_FIELDS]


class EntrySerializer(serializers.ModelSerializer[AccessListEntry]):
    """A network of an access list."""

    class Meta:
        model = AccessListEntry
        fields = ["network", "description"]
        read_only_fields = fields

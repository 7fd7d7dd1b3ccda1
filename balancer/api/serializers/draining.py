"""Draining as JSON: which servers, and how far they have come."""

from typing import Any

from rest_framework import serializers

from balancer.selectors.draining import Drain, DrainState


class ListenerDrainSerializer(serializers.Serializer[Any]):
    """What is open at a server through one listener."""

    listener = serializers.CharField()
    protocol = serializers.CharField()
    port = serializers.IntegerField()
    open = serializers.IntegerField(
        allow_null=True, help_text="Connections, or requests of HTTP; null: nobody can be asked."
    )
    closes_by = serializers.DateTimeField(
        allow_null=True,
        help_text="When its drain timeout ends what is open, at the latest; null: clients end it.",
    )


class DrainSerializer(serializers.Serializer[Any]):
    """A server that gets nothing new, and what is left there."""

    server = serializers.CharField()
    name = serializers.CharField()
    weight = serializers.IntegerField()
    state = serializers.ChoiceField(
        choices=[state.value for state in DrainState],
        help_text="serving: its weight is not 0. drained: nothing is open in any proxy, and every "
        "proxy knows of the weight. unknown: no proxy can be asked.",
    )
    open = serializers.IntegerField(allow_null=True)
    closes_by = serializers.DateTimeField(allow_null=True)
    listeners = ListenerDrainSerializer(many=True)


class DrainsSerializer(serializers.Serializer[Any]):
    """Servers of a group that get nothing new."""

    server_group = serializers.CharField()
    servers = DrainSerializer(many=True)


def drain_facts(drain: Drain) -> dict[str, Any]:
    """Return how far a server has come as the serializer reads it."""
    return {
        "server": drain.server.public_id,
        "name": drain.server.name,
        "weight": drain.server.weight,
        "state": drain.state,
        "open": drain.open,
        "closes_by": drain.closes_by,
        "listeners": [
            {
                "listener": part.listener.public_id,
                "protocol": part.listener.protocol,
                "port": part.listener.port,
                "open": part.open,
                "closes_by": part.closes_by,
            }
            for part in drain.listeners
        ],
    }

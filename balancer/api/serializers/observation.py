"""What is observed and recorded, as JSON: health, activity, proxies."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from balancer.choices import HEALTH_STATUS_CHOICES, LISTENER_ERROR_WORDS
from balancer.models import Activity, BackendServer, HealthFlip
from balancer.selectors.health import ListenerHealth, ServerHealth
from proxy.snapshot import ApplyReport, HealthStatus, ListenerFault


class ServerHealthSerializer(serializers.Serializer[Any]):
    """The health of one backend server at one port, in the console's words."""

    server = serializers.CharField()
    name = serializers.CharField()
    address = serializers.CharField()
    port = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(choices=[status.value for status in HealthStatus])
    word = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    since = serializers.DateTimeField(allow_null=True)
    is_stale = serializers.BooleanField()
    draining_connections = serializers.IntegerField(
        help_text="Open connections at a server that gets no new ones."
    )


class GroupHealthSerializer(serializers.Serializer[Any]):
    """The health of a server group: the worst over the running listeners that use it."""

    server_group = serializers.CharField()
    servers = ServerHealthSerializer(many=True)


class ListenerHealthSerializer(serializers.Serializer[Any]):
    """The health of the servers behind one listener."""

    listener = serializers.CharField()
    word = serializers.CharField()
    healthy = serializers.IntegerField()
    total = serializers.IntegerField()
    is_failed_over = serializers.BooleanField(
        help_text="Whether the secondary group of two-group failover serves now."
    )
    draining_connections = serializers.IntegerField(
        help_text="Open connections at all servers that get no new ones, removed ones too."
    )
    servers = ServerHealthSerializer(many=True)


class LoadBalancerHealthSerializer(serializers.Serializer[Any]):
    """The health behind every listener of one load balancer."""

    load_balancer = serializers.CharField()
    listeners = ListenerHealthSerializer(many=True)


def server_health_facts(
    server: BackendServer, port: int | None, health: ServerHealth
) -> dict[str, Any]:
    """Return the health of one server as the serializer reads it."""
    return {
        "server": server.public_id,
        "name": server.name,
        "address": server.address,
        "port": port,
        "status": health.status,
        "word": health.word,
        "reason": health.reason,
        "since": health.since,
        "is_stale": health.is_stale,
        "draining_connections": health.leftover,
    }


def listener_health_facts(listener_id: str, health: ListenerHealth) -> dict[str, Any]:
    """Return the health behind one listener as the serializer reads it."""
    return {
        "listener": listener_id,
        "word": health.word,
        "healthy": health.healthy,
        "total": health.total,
        "is_failed_over": health.is_failed_over,
        "draining_connections": health.leftover,
        "servers": [server_health_facts(*row) for row in health.servers],
    }


class ProbeSerializer(serializers.Serializer[Any]):
    """One probe: when it ended, whether the server passed it, and what was seen."""

    at = serializers.FloatField(help_text="Unix time in seconds.")
    succeeded = serializers.BooleanField()
    detail = serializers.CharField(allow_blank=True)


class HealthFlipSerializer(serializers.ModelSerializer[HealthFlip]):
    """A change of health of one address and port, with the probes that caused it."""

    before = serializers.ChoiceField(choices=HEALTH_STATUS_CHOICES)
    after = serializers.ChoiceField(choices=HEALTH_STATUS_CHOICES)
    evidence = ProbeSerializer(many=True)

    class Meta:
        model = HealthFlip
        fields = ["at", "address", "port", "before", "after", "evidence"]
        read_only_fields = fields


class ActivitySerializer(serializers.ModelSerializer[Activity]):
    """One change: who, what, before and after, through which entrance."""

    load_balancer = serializers.CharField(source="load_balancer_public_id")

    class Meta:
        model = Activity
        fields = [
            "at",
            "actor_name",
            "entrance",
            "action",
            "load_balancer",
            "object_type",
            "object_id",
            "object_name",
            "before",
            "after",
            "request_id",
        ]


class RefusalSerializer(serializers.Serializer[Any]):
    """A configuration that a node did not take, and why."""

    load_balancer = serializers.CharField()
    version = serializers.IntegerField()
    error = serializers.CharField()


class NodeFaultSerializer(serializers.Serializer[Any]):
    """A listener that a node cannot serve, and why."""

    load_balancer = serializers.CharField()
    listener = serializers.CharField()
    error = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(help_text="The error in words.")
    hint = serializers.CharField(help_text="What to do.")


class BehindSerializer(serializers.Serializer[Any]):
    """A load balancer whose newest configuration a node does not have in force yet."""

    load_balancer = serializers.CharField()
    wanted = serializers.IntegerField()
    applied = serializers.IntegerField(help_text="0: none of its configurations.")


class ProxySerializer(serializers.Serializer[Any]):
    """One proxy node: when it last spoke and which versions it has in force."""

    node = serializers.CharField()
    reported_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField()
    workers = serializers.IntegerField()
    applied = serializers.DictField(
        child=serializers.IntegerField(), help_text="Version in force by load balancer."
    )
    behind = BehindSerializer(many=True)
    health = serializers.DictField(
        child=serializers.CharField(), help_text="Version of the health table by shard."
    )
    refused = RefusalSerializer(many=True)
    faults = NodeFaultSerializer(many=True)


class ProxiesSerializer(serializers.Serializer[Any]):
    """Every live proxy node; nothing is known while the feed is away."""

    is_known = serializers.BooleanField()
    results = ProxySerializer(many=True)


def fault_facts(fault: ListenerFault) -> dict[str, Any]:
    """Return why a node cannot serve a listener, in words too."""
    reason, hint = LISTENER_ERROR_WORDS[fault.error]
    return {
        "load_balancer": fault.load_balancer,
        "listener": fault.listener,
        "error": fault.error,
        "detail": fault.detail,
        "reason": reason,
        "hint": hint,
    }


def proxy_facts(report: ApplyReport, wanted: Mapping[str, int]) -> dict[str, Any]:
    """Return a report of a proxy, held against the versions that are wanted."""
    applied = {key: each.version for key, each in report.applied.items()}
    return {
        "node": report.node,
        "reported_at": datetime.fromtimestamp(report.at, tz=UTC),
        "started_at": datetime.fromtimestamp(report.started_at, tz=UTC),
        "workers": report.workers,
        "applied": applied,
        "behind": [
            {"load_balancer": key, "wanted": version, "applied": applied.get(key, 0)}
            for key, version in wanted.items()
            if applied.get(key, 0) < version
        ],
        "health": report.health,
        "refused": [
            {"load_balancer": key, "version": refusal.version, "error": refusal.error}
            for key, refusal in report.refused.items()
        ],
        "faults": [fault_facts(fault) for fault in report.faults],
    }

"""``?dry_run=true``: an act is carried out in full, told in full, and undone.

Validation, quotas and conflicts are the real ones, because the act really runs, inside a
transaction that is rolled back. What it would have changed is what it recorded; nothing is sent to
the proxies, since that happens after a commit only.
"""

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.response import Response

from balancer.domain.weights import traffic_shares
from balancer.exceptions import Invalid
from balancer.models import Activity, BackendServer, ServerGroup

PARAMETER = "dry_run"
_WORDS = {"true": True, "false": False}

Weights = dict[str, dict[str, int]]


class ChangeSerializer(serializers.Serializer[Any]):
    """One entry that the operation log would get."""

    action = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    object_name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ShareSerializer(serializers.Serializer[Any]):
    """A server's share of new requests in percent; null where it is not in the group."""

    server_group = serializers.CharField()
    server = serializers.CharField()
    before = serializers.FloatField(allow_null=True)
    after = serializers.FloatField(allow_null=True)


class DryRunSerializer(serializers.Serializer[Any]):
    """What an act would have done: its status and answer, what changes, and whose share."""

    dry_run = serializers.BooleanField()
    status = serializers.IntegerField()
    answer = serializers.JSONField(allow_null=True)
    changes = ChangeSerializer(many=True)
    shares = ShareSerializer(many=True)


def asks_dry_run(request: HttpRequest) -> bool:
    """Tell whether the act is to be undone; raise Invalid for a value that is no answer."""
    word = request.GET.get(PARAMETER, "false")
    if word not in _WORDS:
        message = f"{PARAMETER} must be true or false; given: {word:.40}."
        raise Invalid("invalid_parameter", message, fields={PARAMETER: [message]})
    return _WORDS[word]


def run_dry(act: Callable[[], Response]) -> Response:
    """Carry the act out and undo it; the answer tells all. A refusal is answered as it is."""
    with transaction.atomic():
        answer = act()
        entries = _entries()
        groups = _groups_of(entries)
        after = _weights(groups)
        transaction.set_rollback(True)
    if answer.status_code >= 400:
        return answer
    before = _weights(groups)
    answer.data = {
        "dry_run": True,
        "status": answer.status_code,
        "answer": answer.data,
        "changes": ChangeSerializer(entries, many=True).data,
        "shares": list(_shares(before, after)),
    }
    answer.status_code = 200
    for name in ("ETag", "Location"):  # of a state that never was
        answer.headers.pop(name, None)
    return answer


def _entries() -> list[Activity]:
    number = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    return list(Activity.objects.filter(request_id=number).order_by("pk")) if number else []


def _groups_of(entries: Iterable[Activity]) -> list[str]:
    ids = [entry.object_id for entry in entries]
    touched = Q(public_id__in=ids) | Q(servers__public_id__in=ids)
    return list(ServerGroup.objects.filter(touched).distinct().values_list("public_id", flat=True))


def _weights(groups: Iterable[str]) -> Weights:
    weights: Weights = {group: {} for group in groups}
    rows = BackendServer.objects.filter(group__public_id__in=list(weights)).order_by("pk")
    for group, server, weight in rows.values_list("group__public_id", "public_id", "weight"):
        weights[group][server] = weight
    return weights


def _shares(before: Weights, after: Weights) -> Iterable[dict[str, Any]]:
    for group in after:
        was, becomes = _by_server(before[group]), _by_server(after[group])
        for server in {**was, **becomes}:
            yield {
                "server_group": group,
                "server": server,
                "before": was.get(server),
                "after": becomes.get(server),
            }


def _by_server(weights: dict[str, int]) -> dict[str, float]:
    shares = traffic_shares(list(weights.values()))
    return {server: round(share, 2) for server, share in zip(weights, shares, strict=True)}

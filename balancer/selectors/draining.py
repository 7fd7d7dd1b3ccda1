"""How far servers that get nothing new have come: what is still open there, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from balancer.choices import ListenerStatus, LoadBalancerStatus
from balancer.feed import FeedUnavailable, read_counters
from balancer.models import BackendServer, Listener, ServerGroup
from balancer.selectors.listeners import keys_of_users
from balancer.selectors.publishing import ApplyState, get_apply_status

SETTLED_AFTER = timedelta(seconds=4)
"""When the proxies' numbers know nothing from before a change: it reaches them within a second,
and a worker's and its node's count are each at most a second old."""

Counters = Mapping[str, Mapping[str, Any]]


class DrainState(StrEnum):
    """Whether a server still works."""

    SERVING = "serving"
    DRAINING = "draining"
    DRAINED = "drained"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ListenerDrain:
    """What is open at a server through one listener, all nodes together.

    ``closes_by`` is when the listener closes it at the latest; None where clients end it
    themselves.
    """

    listener: Listener
    open: int | None
    closes_by: datetime | None


@dataclass(frozen=True, slots=True)
class Drain:
    """A server on its way out; ``open`` is None when no proxy can be asked."""

    server: BackendServer
    state: DrainState
    open: int | None
    closes_by: datetime | None
    listeners: Sequence[ListenerDrain]


def get_drains(group: ServerGroup, servers: Sequence[BackendServer]) -> list[Drain]:
    """Return how far servers of the group have come, in their order."""
    listeners = _listeners_of(group)
    counters = _read_counters()
    is_applied = get_apply_status(group.load_balancer).state == ApplyState.APPLIED
    return [_drain(each, listeners, counters, is_applied=is_applied) for each in servers]


def _listeners_of(group: ServerGroup) -> list[Listener]:
    """Return the listeners that serve by the group now."""
    if group.load_balancer.status != LoadBalancerStatus.ACTIVE:
        return []
    users = Listener.objects.filter(pk__in=keys_of_users(group.public_id))
    return list(users.filter(status=ListenerStatus.RUNNING, redirect_port=None).order_by("port"))


def _read_counters() -> Counters | None:
    """Return what every node counts, None when nobody can be asked."""
    try:
        return read_counters() or None
    except FeedUnavailable:
        return None


def _drain(
    server: BackendServer,
    listeners: Sequence[Listener],
    counters: Counters | None,
    *,
    is_applied: bool,
) -> Drain:
    parts = [_part(server, each, counters) for each in listeners]
    numbers = [part.open for part in parts if part.open is not None]
    total = sum(numbers) if counters is not None else None
    if server.weight:
        state = DrainState.SERVING
    elif counters is None:
        state = DrainState.UNKNOWN
    else:
        is_over = is_applied and not total and _is_settled(server, counters)
        state = DrainState.DRAINED if is_over else DrainState.DRAINING
    return Drain(server, state, total, _end(state, parts), parts)


def _part(server: BackendServer, listener: Listener, counters: Counters | None) -> ListenerDrain:
    closes_by = None
    if not server.weight and listener.drain_enabled and listener.drain_timeout_s is not None:
        # Whatever was edited last, the weight was 0 by then.
        closes_by = server.updated_at + timedelta(seconds=listener.drain_timeout_s)
    if counters is None:
        return ListenerDrain(listener, None, closes_by)
    found = (node.get("listeners", {}).get(listener.public_id, {}) for node in counters.values())
    numbers = (each.get("servers", {}).get(server.public_id, {}) for each in found)
    return ListenerDrain(listener, sum(each.get("active", 0) for each in numbers), closes_by)


def _is_settled(server: BackendServer, counters: Counters) -> bool:
    known_since = min(float(node.get("at", 0)) for node in counters.values())
    return datetime.fromtimestamp(known_since, UTC) >= server.updated_at + SETTLED_AFTER


def _end(state: DrainState, parts: Sequence[ListenerDrain]) -> datetime | None:
    """Return when the last of what is open is closed; None when only its clients know."""
    busy = [part for part in parts if part.open]
    ends = [part.closes_by for part in busy if part.closes_by is not None]
    is_bound = state == DrainState.DRAINING and bool(busy) and len(ends) == len(busy)
    return max(ends) if is_bound else None

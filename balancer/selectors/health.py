"""What the health checks know of servers, listeners and groups, in words."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings

from balancer.choices import ListenerStatus, LoadBalancerStatus
from balancer.domain.health import shard_of
from balancer.feed import Evidence, FeedUnavailable, read_evidence
from balancer.models import BackendServer, Listener, LoadBalancer, ServerGroup
from balancer.selectors.traffic import list_failed_over
from balancer.snapshot.checks import compile_check
from proxy.snapshot import GroupKind, HealthCheck, HealthStatus, ServerRole, probe_id

NORMAL, ABNORMAL = "Normal", "Abnormal"
UNAVAILABLE, UNKNOWN, NOT_CHECKED = "Unavailable", "Unknown", "Not checked"
NOT_ENABLED, NOT_RUNNING = "Not enabled", "Not running"

STALE_MARGIN_S = 4.0
"""How late evidence may be beyond two intervals: it is written every 2 s, and shards move."""

_WORST_FIRST = (ABNORMAL, UNKNOWN, UNAVAILABLE, NORMAL, NOT_CHECKED)
_WORDS = {
    HealthStatus.HEALTHY: NORMAL,
    HealthStatus.UNHEALTHY: ABNORMAL,
    HealthStatus.UNKNOWN: UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """What is known of one server; ``since`` is when it became so, or was last heard of."""

    status: HealthStatus
    word: str
    reason: str
    since: datetime | None = None
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class ListenerHealth:
    """One word for a listener, with its servers and the port each is asked at.

    ``total`` counts the servers that are checked; without checks, all of them. ``is_failed_over``
    tells that a proxy says so of two-group failover.
    """

    word: str
    healthy: int
    total: int
    servers: Sequence[tuple[BackendServer, int | None, ServerHealth]] = ()
    is_failed_over: bool = False


def get_group_health(
    group: ServerGroup, listeners: Iterable[Listener] | None = None
) -> Mapping[str, ServerHealth]:
    """Return the health of the group's servers by public id, the worst over its listeners.

    Only running listeners check; without ``listeners`` those that use the group are looked up.
    """
    if listeners is None:
        listeners = _listeners_of(group)
    checking = [each for each in listeners if each.is_running]
    servers = list(_servers_of([group.pk]))
    if not checking or not group.load_balancer.is_active:
        idle = _not_checked("No running listener uses this group.")
        return {server.public_id: idle for server in servers}
    found = _examine([(listener, server) for listener in checking for server in servers])
    return {
        server.public_id: _worst(found[listener.pk, server.pk] for listener in checking)
        for server in servers
    }


def get_listener_health(listener: Listener) -> ListenerHealth:
    """Return the health of one listener with its servers."""
    return get_listeners_health([listener])[listener.public_id]


def get_listeners_health(listeners: Iterable[Listener]) -> Mapping[str, ListenerHealth]:
    """Return the health of each listener by public id; the number of queries is constant."""
    listeners = list(listeners)
    groups = _groups_of(listeners)
    servers: dict[int, list[BackendServer]] = {pk: [] for own in groups.values() for pk in own}
    for server in _servers_of(servers):
        servers[server.group_id].append(server)
    running = _running(listeners)
    redirecting = {each.pk for each in listeners if each.redirects}
    used = {
        pk: [] if pk in redirecting else [each for group in own for each in servers[group]]
        for pk, own in groups.items()
    }
    found = _examine([(each, server) for each in running.values() for server in used[each.pk]])
    health: dict[str, ListenerHealth] = {}
    for listener in listeners:
        if listener.pk in running:
            rows = [(each, found[listener.pk, each.pk]) for each in used[listener.pk]]
            health[listener.public_id] = _summary(listener, rows)
        else:
            rows = [(each, _not_checked("The listener is stopped.")) for each in used[listener.pk]]
            health[listener.public_id] = _listener_health(NOT_RUNNING, 0, listener, rows)
    for public_id in list_failed_over(running.values()):
        health[public_id] = replace(health[public_id], is_failed_over=True)
    return health


def _summary(
    listener: Listener, rows: Sequence[tuple[BackendServer, ServerHealth]]
) -> ListenerHealth:
    if not listener.check_enabled or listener.redirects:
        return _listener_health(NOT_ENABLED, len(rows), listener, rows)
    if not rows:
        return _listener_health(ABNORMAL, 0, listener, rows)  # it answers with errors (F4.3)
    words = [health.word for _, health in rows if health.word != NOT_CHECKED]
    worst = min(words, key=_WORST_FIRST.index, default=UNAVAILABLE)
    return _listener_health(worst, words.count(NORMAL), listener, rows, checked=len(words))


def _listener_health(
    word: str,
    healthy: int,
    listener: Listener,
    rows: Sequence[tuple[BackendServer, ServerHealth]],
    checked: int | None = None,
) -> ListenerHealth:
    servers = [(server, server.port or listener.backend_port, health) for server, health in rows]
    total = len(rows) if checked is None else checked
    return ListenerHealth(word, healthy, total, servers)


# --- which rows ----------------------------------------------------------------------------------


def _listeners_of(group: ServerGroup) -> list[Listener]:
    running = Listener.objects.filter(
        load_balancer_id=group.load_balancer_id,
        status=ListenerStatus.RUNNING,
        redirect_port=None,
    )
    return [each for each in running.order_by("port") if each.sends_to(group)]


def _groups_of(listeners: Sequence[Listener]) -> dict[int, list[int]]:
    """Return the keys of each listener's groups; listeners without their own share one."""
    defaults = dict(
        ServerGroup.objects.filter(
            kind=GroupKind.DEFAULT,
            load_balancer__in={each.load_balancer_id for each in listeners},
        ).values_list("load_balancer_id", "pk")
    )
    return {
        each.pk: [group or defaults.get(each.load_balancer_id, 0) for group in each.own_groups]
        for each in listeners
    }


def _servers_of(groups: Iterable[int]) -> Iterable[BackendServer]:
    servers = BackendServer.objects.filter(group__in=list(groups)).order_by("pk")
    return servers.select_related("ecs_instance", "interface_address__interface", "idc_server")


def _running(listeners: Sequence[Listener]) -> dict[int, Listener]:
    """Return the listeners that serve now; a stopped load balancer stops all of its own."""
    active = set(
        LoadBalancer.objects.filter(
            pk__in={each.load_balancer_id for each in listeners}, status=LoadBalancerStatus.ACTIVE
        ).values_list("pk", flat=True)
    )
    serving = (each for each in listeners if each.is_running and each.load_balancer_id in active)
    return {each.pk: each for each in serving}


# --- what is known of them -----------------------------------------------------------------------


def _examine(
    pairs: Sequence[tuple[Listener, BackendServer]],
) -> Mapping[tuple[int, int], ServerHealth]:
    """Return what is known of each server as the listener sees it, by both keys."""
    checks = {listener.pk: compile_check(listener) for listener, _ in pairs}
    found: dict[tuple[int, int], ServerHealth] = {}
    asked: dict[tuple[int, int], tuple[str, HealthCheck]] = {}
    for listener, server in pairs:
        key, check = (listener.pk, server.pk), checks[listener.pk]
        port = server.port or listener.backend_port
        reason = _reason_not_to_check(server, port, check)
        if reason or check is None or port is None:
            found[key] = _not_checked(reason)
        else:
            asked[key] = (probe_id(server.address, port, check), check)
    evidence = _read_evidence({probe for probe, _ in asked.values()})
    now = time.time()
    for key, (probe, check) in asked.items():
        found[key] = _judge(evidence, probe, check, now)
    return found


def _reason_not_to_check(server: BackendServer, port: int | None, check: HealthCheck | None) -> str:
    """Return why nobody asks the server how it is, "" when somebody does."""
    if check is None:
        return "Health checks are off: every server is taken as healthy."
    if server.role == ServerRole.SECONDARY:
        return "A secondary server is not checked."  # S37, C28
    return "No port to check." if port is None else ""


def _read_evidence(probes: Iterable[str]) -> Mapping[str, Evidence] | None:
    """Return what the checkers wrote, None when the feed cannot be asked."""
    shards = settings.OPENCLB_HEALTH_SHARDS
    try:
        return read_evidence({probe: shard_of(probe, shards) for probe in probes})
    except FeedUnavailable:
        return None


def _judge(
    evidence: Mapping[str, Evidence] | None, probe: str, check: HealthCheck, now: float
) -> ServerHealth:
    if evidence is None:
        reason = "The broker does not answer, so the present state is not known."
        return ServerHealth(HealthStatus.UNKNOWN, UNKNOWN, reason, is_stale=True)
    seen = evidence.get(probe)
    if seen is None:
        return ServerHealth(HealthStatus.UNKNOWN, UNAVAILABLE, "The first check is not finished.")
    if now - seen.checked_at > 2 * check.interval_s + check.timeout_s + STALE_MARGIN_S:
        reason = f"Not checked any more; before that: {_WORDS[seen.status]}, {seen.detail}."
        since = _moment(seen.checked_at)
        return ServerHealth(HealthStatus.UNKNOWN, UNKNOWN, reason, since, is_stale=True)
    return ServerHealth(seen.status, _WORDS[seen.status], seen.detail, _moment(seen.since))


def _worst(healths: Iterable[ServerHealth]) -> ServerHealth:
    return min(healths, key=lambda health: _WORST_FIRST.index(health.word))


def _not_checked(reason: str) -> ServerHealth:
    return ServerHealth(HealthStatus.UNKNOWN, NOT_CHECKED, reason)


def _moment(at: float) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None

"""What the health checks know of servers, listeners and groups, in words."""

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings

from balancer.choices import ListenerStatus, LoadBalancerStatus
from balancer.domain.health import shard_of
from balancer.feed import Evidence, FeedUnavailable, read_evidence
from balancer.models import BackendServer, ForwardingRule, Listener, LoadBalancer, ServerGroup
from balancer.models.listener import HealthCheckSettings
from balancer.selectors.traffic import Present, read_present
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
    """What is known of one server; ``since`` is when it became so, or was last heard of.

    ``leftover`` counts the connections that are still open there although it gets no new ones.
    """

    status: HealthStatus
    word: str
    reason: str
    since: datetime | None = None
    is_stale: bool = False
    leftover: int = 0


@dataclass(frozen=True, slots=True)
class ListenerHealth:
    """One word for a listener, with its servers and the port each is asked at.

    ``total`` counts the servers that are checked; without checks, all of them. ``is_failed_over``
    tells that a proxy says so of two-group failover. ``leftover`` counts the connections at all
    servers that get no new ones, removed ones too.
    """

    word: str
    healthy: int
    total: int
    servers: Sequence[tuple[BackendServer, int | None, ServerHealth]] = ()
    is_failed_over: bool = False
    leftover: int = 0


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a group: the listener that sends to it, and whose settings its checks have."""

    listener: Listener
    settings: HealthCheckSettings


def get_group_health(
    group: ServerGroup,
    listeners: Iterable[Listener] | None = None,
    rules: Iterable[ForwardingRule] | None = None,
) -> Mapping[str, ServerHealth]:
    """Return the health of the group's servers by public id, the worst over all its uses.

    Only running listeners check. ``listeners`` that use the group, and forwarding ``rules`` that
    do, are looked up when they are not given.
    """
    if listeners is None:
        listeners = _listeners_of(group)
    if rules is None:
        rules = group.rules.select_related("listener")
    uses = [_Use(each, each) for each in listeners if each.is_running]
    uses += [_use_of_rule(each, each.listener) for each in rules if each.listener.is_running]
    servers = list(_servers_of([group.pk]))
    if not uses or not group.load_balancer.is_active:
        idle = _not_checked("No running listener uses this group.")
        return {server.public_id: idle for server in servers}
    found = _examine([(use, server) for use in uses for server in servers])
    users = {use.listener.pk: use.listener for use in uses}.values()
    present = read_present(users, servers)
    return {
        server.public_id: replace(
            worst_of(found[use, server.pk] for use in uses),
            leftover=present.left_at(server.public_id, users),
        )
        for server in servers
    }


def get_listener_health(listener: Listener) -> ListenerHealth:
    """Return the health of one listener with its servers."""
    return get_listeners_health([listener])[listener.public_id]


def get_listeners_health(listeners: Iterable[Listener]) -> Mapping[str, ListenerHealth]:
    """Return the health of each listener by public id; the number of queries is constant.

    The servers are those of its own group and of its forwarding rules' groups, each once.
    """
    listeners = list(listeners)
    uses = _uses_of(listeners)
    servers: dict[int, list[BackendServer]] = {pk: [] for each in uses.values() for _, pk in each}
    for server in _servers_of(servers):
        servers[server.group_id].append(server)
    running = _running(listeners)
    pairs = {
        pk: [(use, server) for use, group in used for server in servers[group]]
        for pk, used in uses.items()
    }
    found = _examine([pair for pk in running for pair in pairs[pk]])
    present = read_present(running.values(), itertools.chain.from_iterable(servers.values()))
    stopped = _not_checked("The listener is stopped.")
    health: dict[str, ListenerHealth] = {}
    for listener in listeners:
        if listener.pk in running:
            rows = _each_once(
                [(pair[1], found[pair[0], pair[1].pk]) for pair in pairs[listener.pk]]
            )
            health[listener.public_id] = _summary(listener, rows)
        else:
            rows = _each_once([(server, stopped) for _, server in pairs[listener.pk]])
            health[listener.public_id] = _listener_health(NOT_RUNNING, 0, listener, rows)
    return {
        public_id: _with_present(health[public_id], listener, present)
        for public_id, listener in ((each.public_id, each) for each in listeners)
    }


def _with_present(health: ListenerHealth, listener: Listener, present: Present) -> ListenerHealth:
    """Return the health with what the proxies say of the listener."""
    rows = [
        (server, port, replace(known, leftover=present.left_at(server.public_id, [listener])))
        for server, port, known in health.servers
    ]
    return replace(
        health,
        servers=rows,
        is_failed_over=listener.public_id in present.failed_over,
        leftover=sum(present.leftover.get(listener.public_id, {}).values()),
    )


def _each_once(
    rows: Iterable[tuple[BackendServer, ServerHealth]],
) -> list[tuple[BackendServer, ServerHealth]]:
    """Return each server once, with the worst that is known of it."""
    known: dict[int, tuple[BackendServer, ServerHealth]] = {}
    for server, health in rows:
        before = known.get(server.pk)
        known[server.pk] = (server, worst_of([before[1], health]) if before else health)
    return list(known.values())


def _summary(
    listener: Listener, rows: Sequence[tuple[BackendServer, ServerHealth]]
) -> ListenerHealth:
    words = [health.word for _, health in rows if health.word != NOT_CHECKED]
    if listener.redirects or not (words or listener.check_enabled):
        return _listener_health(NOT_ENABLED, len(rows), listener, rows)
    if not rows:
        return _listener_health(ABNORMAL, 0, listener, rows)  # it answers with errors (F4.3)
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


def _uses_of(listeners: Sequence[Listener]) -> dict[int, list[tuple[_Use, int]]]:
    """Return the uses of groups by each listener's key, with the keys of the groups.

    Listeners without a group of their own share one; a listener that redirects uses none.
    """
    defaults = dict(
        ServerGroup.objects.filter(
            kind=GroupKind.DEFAULT,
            load_balancer__in={each.load_balancer_id for each in listeners},
        ).values_list("load_balancer_id", "pk")
    )
    serving = {each.pk: each for each in listeners if not each.redirects}
    uses: dict[int, list[tuple[_Use, int]]] = {each.pk: [] for each in listeners}
    for pk, each in serving.items():
        for own in each.own_groups:
            group = own or defaults.get(each.load_balancer_id)
            uses[pk] += [(_Use(each, each), group)] if group else []
    for rule in ForwardingRule.objects.filter(listener__in=serving).order_by("pk"):
        use = _use_of_rule(rule, serving[rule.listener_id])
        uses[rule.listener_id].append((use, rule.server_group_id))
    return uses


def _use_of_rule(rule: ForwardingRule, listener: Listener) -> _Use:
    return _Use(listener, listener if rule.inherits_settings else rule)


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
    pairs: Iterable[tuple[_Use, BackendServer]],
) -> Mapping[tuple[_Use, int], ServerHealth]:
    """Return what is known of each server in each use of it, by the use and the server's key."""
    checks: dict[_Use, HealthCheck | None] = {}
    found: dict[tuple[_Use, int], ServerHealth] = {}
    asked: dict[tuple[_Use, int], tuple[str, HealthCheck]] = {}
    for use, server in pairs:
        if use not in checks:
            checks[use] = compile_check(use.settings)
        key, check = (use, server.pk), checks[use]
        port = server.port or use.listener.backend_port
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


def worst_of(healths: Iterable[ServerHealth]) -> ServerHealth:
    """Return the worst of what is known of one server in several uses."""
    return min(healths, key=lambda health: _WORST_FIRST.index(health.word))


def _not_checked(reason: str) -> ServerHealth:
    return ServerHealth(HealthStatus.UNKNOWN, NOT_CHECKED, reason)


def _moment(at: float) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None

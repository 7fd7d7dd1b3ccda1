"""How many servers are healthy, by listener, group and load balancer."""

from collections.abc import Iterable, Mapping, Sequence

from balancer.domain.metrics import HEALTHY, UNHEALTHY, MetricSubject, Subject
from balancer.models import BackendServer, Listener, ServerGroup
from balancer.selectors.health import ServerHealth, get_listeners_health, worst_of
from proxy.snapshot import HealthStatus

LISTENERS_AT_ONCE = 20
"""Bounds how many servers are in memory together."""
_FIGURES = {HealthStatus.HEALTHY: HEALTHY, HealthStatus.UNHEALTHY: UNHEALTHY}


def count_health(listeners: Sequence[Listener]) -> Mapping[Subject, Mapping[str, float]]:
    """Return the healthy and unhealthy servers behind the listeners, of everything in use there.

    A server counts once, as the worst of its uses. Where no check has said anything there is no
    number; a server itself has 1 or 0.
    """
    counts: dict[Subject, Mapping[str, float]] = {}
    known: dict[str, ServerHealth] = {}
    groups: dict[int, set[str]] = {}
    for start in range(0, len(listeners), LISTENERS_AT_ONCE):
        found = get_listeners_health(listeners[start : start + LISTENERS_AT_ONCE])
        for listener_id, health in found.items():
            each = [server_health for _, _, server_health in health.servers]
            counts[MetricSubject.LISTENER, listener_id] = _count(each)
            for server, _, server_health in health.servers:
                _learn(known, server, server_health)
                groups.setdefault(server.group_id, set()).add(server.public_id)
    of_servers = {
        (MetricSubject.BACKEND_SERVER, server_id): _of_server(each)
        for server_id, each in known.items()
    }
    return counts | of_servers | _of_groups(known, groups)


def _learn(known: dict[str, ServerHealth], server: BackendServer, health: ServerHealth) -> None:
    before = known.get(server.public_id)
    known[server.public_id] = health if before is None else worst_of([before, health])


def _of_server(health: ServerHealth) -> dict[str, float]:
    return {HEALTHY: float(_FIGURES[health.status] == HEALTHY)} if health.status in _FIGURES else {}


def _of_groups(
    known: Mapping[str, ServerHealth], groups: Mapping[int, Iterable[str]]
) -> dict[Subject, Mapping[str, float]]:
    counts: dict[Subject, Mapping[str, float]] = {}
    wholes: dict[str, list[ServerHealth]] = {}
    rows = ServerGroup.objects.filter(pk__in=groups).order_by("pk")
    for pk, group, owner in rows.values_list("pk", "public_id", "load_balancer__public_id"):
        of_group = [known[server] for server in groups[pk]]
        counts[MetricSubject.SERVER_GROUP, group] = _count(of_group)
        wholes.setdefault(owner, []).extend(of_group)
    for owner, of_whole in wholes.items():
        counts[MetricSubject.LOAD_BALANCER, owner] = _count(of_whole)
    return counts


def _count(healths: Iterable[ServerHealth]) -> dict[str, float]:
    statuses = [health.status for health in healths if health.status in _FIGURES]
    if not statuses:
        return {}
    return {figure: float(statuses.count(status)) for status, figure in _FIGURES.items()}

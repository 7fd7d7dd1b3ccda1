"""A snapshot in its runnable form: per listener the targets and the choice of the next one.

A generation is replaced whole. Requests in flight keep the plan they started with; each plan has a
scheduler of its own, which goes on where the one of the plan before it stands.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from proxy.core.health import UNCHECKED, Availability, Target
from proxy.core.reasons import Reason
from proxy.core.scheduling.weighted_round_robin import WeightedRoundRobin
from proxy.snapshot import (
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
    probe_id,
)

SERVED_PROTOCOLS = frozenset({Protocol.TCP, Protocol.HTTP})
SERVED_SCHEDULERS = frozenset({SchedulerName.WEIGHTED_ROUND_ROBIN})
MOST_EARLIER_PROBES = 4
"""Enough for a form that is saved a few times within one check interval."""

__all__ = ["Generation", "ListenerPlan", "Target", "build_generation", "unserved_reason"]


class ListenerPlan:
    """The runnable form of one listener at one version."""

    __slots__ = (
        "_by_id",
        "_reason",
        "_scheduler",
        "_stamp",
        "_usable",
        "listener",
        "load_balancer",
        "targets",
        "version",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        listener: Listener,
        targets: tuple[Target, ...],
        scheduler: WeightedRoundRobin,
    ) -> None:
        self.load_balancer = snapshot.load_balancer
        self.version = snapshot.version
        self.listener = listener
        self.targets = targets
        self._by_id = {target.server_id: target for target in targets}
        self._scheduler = scheduler
        self._usable: list[Target] = []
        self._reason = Reason.NO_SERVERS
        self._stamp = 0

    def pick(
        self, availability: Availability, now: float, tried: Collection[Target] = ()
    ) -> Target | Reason:
        """Return the next server, or why there is none; ``tried`` ones just failed to connect."""
        if now >= availability.next_return:
            availability.readmit(now)
        if availability.stamp != self._stamp:
            self._refresh(availability, now)
        if tried:
            return self._pick_untried(tried)
        server = self._scheduler.pick()
        return self._reason if server is None else self._by_id[server]

    def successor(
        self, snapshot: Snapshot, listener: Listener, targets: tuple[Target, ...]
    ) -> "ListenerPlan":
        """Return the plan that follows this one: servers that stay keep their place."""
        usable = {target.server_id for target in self._usable}
        weights = {each.server_id: each.weight for each in targets if each.server_id in usable}
        return ListenerPlan(snapshot, listener, targets, self._scheduler.successor(weights))

    def _pick_untried(self, tried: Collection[Target]) -> Target | Reason:
        untried = [target for target in self._usable if target not in tried]
        if not untried:
            return Reason.CONNECT_FAILED if self._usable else self._reason
        for _ in self._usable:
            server = self._scheduler.pick()
            if server is not None and (target := self._by_id[server]) not in tried:
                return target
        return untried[0]

    def _refresh(self, availability: Availability, now: float) -> None:
        """Choose among the servers that are available now, in their exact ratios.

        When every healthy one has just refused a connection, they are all tried again: an
        ejection spares the requests that another server can take.
        """
        self._stamp = availability.stamp
        weighted = [target for target in self.targets if target.weight]
        healthy = [target for target in weighted if availability.is_healthy(target)]
        ready = [target for target in healthy if not availability.is_ejected(target, now)]
        self._usable = ready or healthy
        self._scheduler.replace({target.server_id: target.weight for target in self._usable})
        if not self.targets:
            self._reason = Reason.NO_SERVERS
        elif not weighted:
            self._reason = Reason.NO_WEIGHT
        else:
            self._reason = Reason.NO_HEALTHY_SERVER


@dataclass(frozen=True, slots=True)
class Generation:
    """One snapshot, ready to serve: a plan for each listener that this proxy can serve."""

    snapshot: Snapshot
    listeners: Mapping[str, ListenerPlan]


def build_generation(
    snapshot: Snapshot, previous: Generation | None, phase: float = 0.0
) -> Generation:
    """Return the runnable form; ``phase`` (0 to 1) is where new schedulers start their cycle."""
    groups = {group.id: group for group in snapshot.groups}
    before = previous.listeners if previous else {}
    plans = {}
    for listener in snapshot.listeners:
        if unserved_reason(listener):
            continue
        targets = _targets(listener, groups[listener.group], before.get(listener.id))
        if plan := before.get(listener.id):
            plans[listener.id] = plan.successor(snapshot, listener, targets)
        else:
            scheduler = WeightedRoundRobin({}, phase)
            plans[listener.id] = ListenerPlan(snapshot, listener, targets, scheduler)
    return Generation(snapshot, plans)


def unserved_reason(listener: Listener) -> str | None:
    """Return why this proxy cannot serve such a listener, or None when it can."""
    if listener.protocol not in SERVED_PROTOCOLS:
        return f"protocol {listener.protocol} is not served by this proxy"
    if listener.scheduler not in SERVED_SCHEDULERS:
        return f"scheduler {listener.scheduler} is not served by this proxy"
    return None


def _targets(
    listener: Listener, group: ServerGroup, previous: ListenerPlan | None
) -> tuple[Target, ...]:
    """Return the group's servers as this listener reaches them; unchanged ones are kept."""
    known = {target.server_id: target for target in previous.targets} if previous else {}
    same_check = previous is not None and previous.listener.health_check == listener.health_check
    return tuple(
        _target(server, listener, known.get(server.id), same_check=same_check)
        for server in group.servers
    )


def _target(
    server: Server, listener: Listener, known: Target | None, *, same_check: bool
) -> Target:
    port = server.port if server.port is not None else listener.backend_port
    assert port is not None  # Snapshot.validate has seen to it
    if known and (known.address, known.port) != (server.address, port):
        known = None
    if known and same_check and known.weight == server.weight:
        return known
    if known and same_check:
        return replace(known, weight=server.weight)
    check = listener.health_check
    probe = probe_id(server.address, port, check) if check else None
    earlier = (
        (known.probe or UNCHECKED, *known.earlier_probes)[:MOST_EARLIER_PROBES] if known else ()
    )
    return Target(server.id, server.address, port, server.weight, probe, earlier)

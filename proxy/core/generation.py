"""A snapshot in its runnable form: per listener the targets and the choice of the next one.

A generation is replaced whole. Requests in flight keep the plan they started with; each plan has a
scheduler of its own, which goes on where the one of the plan before it stands.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from proxy.core.health import UNCHECKED, Availability, Target
from proxy.core.reasons import Reason
from proxy.core.scheduling.consistent_hash import SourceHash, TupleHash
from proxy.core.scheduling.least_connections import WeightedLeastConnections
from proxy.core.scheduling.round_robin import RoundRobin
from proxy.core.scheduling.scheduler import NOBODY, Peer, Scheduler
from proxy.core.scheduling.weighted_round_robin import WeightedRoundRobin
from proxy.snapshot import (
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    ServerRole,
    Snapshot,
    probe_id,
)

SERVED_PROTOCOLS = frozenset({Protocol.TCP, Protocol.UDP, Protocol.HTTP})
SERVED_SCHEDULERS = frozenset(SchedulerName) - {SchedulerName.CONNECTION_ID_HASH}
HASH_SCHEDULERS = frozenset({SchedulerName.SOURCE_HASH, SchedulerName.TUPLE_HASH})
HASHED_PROTOCOLS = frozenset({Protocol.TCP, Protocol.UDP})
MOST_EARLIER_PROBES = 4
"""Enough for a form that is saved a few times within one check interval."""

__all__ = ["Generation", "ListenerPlan", "Target", "build_generation", "unserved_reason"]


class ListenerPlan:
    """The runnable form of one listener at one version."""

    __slots__ = (
        "_by_id",
        "_open_work",
        "_phase",
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
        before: "ListenerPlan | None" = None,
        phase: float = 0.0,
    ) -> None:
        self.load_balancer = snapshot.load_balancer
        self.version = snapshot.version
        self.listener = listener
        self.targets = targets
        self._by_id = {target.server_id: target for target in targets}
        # One count for all plans of a listener: connections outlive the plan they began with.
        self._open_work: dict[str, int] = before._open_work if before else {}
        self._phase = phase
        self._scheduler = self._take_scheduler(snapshot, before)
        self._usable: list[Target] = []
        self._reason = Reason.NO_SERVERS
        self._stamp = 0

    def pick(
        self,
        availability: Availability,
        now: float,
        tried: Collection[Target] = (),
        peer: Peer = NOBODY,
    ) -> Target | Reason:
        """Return the client's next server, or why there is none.

        ``tried`` ones just failed to connect; ``peer`` is who asks.
        """
        if now >= availability.next_return or availability.stamp != self._stamp:
            self._follow(availability, now)
        if tried:
            return self._pick_untried(tried, peer)
        server = self._scheduler.pick(peer)
        return self._reason if server is None else self._by_id[server]

    def reaches(self, target: Target) -> bool:
        """Tell whether the plan still has this server at this address."""
        known = self._by_id.get(target.server_id)
        return known is not None and (known.address, known.port) == (target.address, target.port)

    def keeps(self, server_id: str, availability: Availability, now: float) -> bool:
        """Tell whether work that has no connection to lose may stay with its server.

        It leaves a server that is gone or unhealthy, and the half of a pair that is not in use.
        It goes on with weight 0, and where no other server could take it.
        """
        target = self._by_id.get(server_id)
        if target is None:
            return False
        self._follow(availability, now)
        if not self._usable:
            return True
        is_in_use = not target.weight or target.is_secondary == self._usable[0].is_secondary
        return is_in_use and availability.is_healthy(target)

    def begin_work(self, target: Target) -> None:
        """Count a connection or a request that the target has from now on."""
        server = target.server_id
        self._open_work[server] = self._open_work.get(server, 0) + 1
        self._scheduler.begin(server)

    def end_work(self, target: Target) -> None:
        """Count a connection or a request that the target has no more."""
        server = target.server_id
        left = self._open_work[server] - 1
        if left:
            self._open_work[server] = left
        else:
            del self._open_work[server]
        self._scheduler.end(server)

    @property
    def is_ready(self) -> bool:
        """Tell whether a pick would not have to do much work first."""
        return self._scheduler.is_ready

    def prepare(self) -> bool:
        """Do a small part of the work ahead of picks and return whether more of it is left."""
        return self._scheduler.prepare()

    def _take_scheduler(self, snapshot: Snapshot, before: "ListenerPlan | None") -> Scheduler:
        """Return a scheduler; servers that stay keep their place if its kind is the same."""
        members = {target.server_id: target.weight for target in self.targets}
        if before and before.listener.scheduler is self.listener.scheduler:
            usable = {target.server_id for target in before._usable}
            scheduler = before._scheduler.successor(
                {server: weight for server, weight in members.items() if server in usable}
            )
        else:
            destination = (snapshot.address, self.listener.port)
            scheduler = _new_scheduler(
                self.listener.scheduler, destination, self._open_work, self._phase
            )
        scheduler.know_members(members)
        return scheduler

    def _follow(self, availability: Availability, now: float) -> None:
        if now >= availability.next_return:
            availability.readmit(now)
        if availability.stamp != self._stamp:
            self._refresh(availability, now)

    def _pick_untried(self, tried: Collection[Target], peer: Peer) -> Target | Reason:
        untried = [target for target in self._usable if target not in tried]
        if not untried:
            return Reason.CONNECT_FAILED if self._usable else self._reason
        for _ in self._usable:
            server = self._scheduler.pick(peer)
            if server is not None and (target := self._by_id[server]) not in tried:
                return target
        return untried[0]

    def _refresh(self, availability: Availability, now: float) -> None:
        """Choose among the servers that are available now, in their exact ratios.

        When every healthy one has just refused a connection, they are all tried again: an
        ejection spares the requests that another server can take. The secondary of a pair serves
        while the checks say that its primary does not (S38, S39); one refused connection alone
        never sends work there, so that the two do not serve at once.
        """
        self._stamp = availability.stamp
        weighted = [target for target in self.targets if target.weight]
        healthy = [target for target in weighted if availability.is_healthy(target)]
        healthy = [target for target in healthy if not target.is_secondary] or healthy
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
        plan = before.get(listener.id)
        plans[listener.id] = ListenerPlan(snapshot, listener, targets, plan, phase)
    return Generation(snapshot, plans)


def unserved_reason(listener: Listener) -> str | None:
    """Return why this proxy cannot serve such a listener, or None when it can."""
    if listener.protocol not in SERVED_PROTOCOLS:
        return f"protocol {listener.protocol} is not served by this proxy"
    if listener.scheduler not in SERVED_SCHEDULERS:
        return f"scheduler {listener.scheduler} is not served by this proxy"
    if listener.scheduler in HASH_SCHEDULERS and listener.protocol not in HASHED_PROTOCOLS:
        return f"scheduler {listener.scheduler} is not for {listener.protocol} listeners"
    return None


def _new_scheduler(
    name: SchedulerName, destination: Peer, open_work: Mapping[str, int], phase: float
) -> Scheduler:
    match name:
        case SchedulerName.ROUND_ROBIN:
            return RoundRobin({}, phase)
        case SchedulerName.WEIGHTED_LEAST_CONNECTIONS:
            return WeightedLeastConnections(open_work, phase)
        case SchedulerName.SOURCE_HASH:
            return SourceHash(destination)
        case SchedulerName.TUPLE_HASH:
            return TupleHash(destination)
    return WeightedRoundRobin({}, phase)


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
    is_secondary = server.role is ServerRole.SECONDARY
    if known and (known.address, known.port) != (server.address, port):
        known = None
    same_check = same_check and known is not None and known.is_secondary == is_secondary
    if known and same_check and known.weight == server.weight:
        return known
    if known and same_check:
        return replace(known, weight=server.weight)
    check = listener.health_check
    probe = probe_id(server.address, port, check) if check and not is_secondary else None  # S37
    earlier = (
        (known.probe or UNCHECKED, *known.earlier_probes)[:MOST_EARLIER_PROBES] if known else ()
    )
    return Target(server.id, server.address, port, server.weight, probe, earlier, is_secondary)

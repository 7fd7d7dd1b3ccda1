"""Where the requests of a listener, or of one of its rules, go: the servers and the next of them.

A route is replaced with its plan. Each has a scheduler of its own, which goes on where the one of
the route before it stands.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from proxy.core.health import Availability, Target
from proxy.core.reasons import ChosenBy, Reason
from proxy.core.scheduling.consistent_hash import SourceHash, TupleHash
from proxy.core.scheduling.least_connections import WeightedLeastConnections
from proxy.core.scheduling.round_robin import RoundRobin
from proxy.core.scheduling.scheduler import NOBODY, Peer, Scheduler
from proxy.core.scheduling.weighted_round_robin import WeightedRoundRobin
from proxy.core.stickiness import Stickiness
from proxy.core.targets import TargetBook
from proxy.snapshot import (
    HealthCheck,
    SchedulerName,
    ServerGroup,
)


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """What a route is made of. ``destination`` is the address and port that clients come to."""

    group: ServerGroup
    backend_port: int | None
    scheduler: SchedulerName
    health_check: HealthCheck | None
    destination: Peer


class Route:
    """The runnable form of one use of a group.

    ``open_work`` counts the connections and requests of each server; all routes of a listener, and
    of its plans to come, share it. ``stickiness`` None: sessions need not keep their server.
    ``rule`` is the forwarding rule that leads here, if one does; ``chosen_by`` says how a server
    is chosen now, and ``log_parts`` is what the access log has found out about each. ``book`` has
    the targets of the snapshot that were made ahead.
    """

    is_failed_over = False
    """There is one group, and it is always its turn."""

    __slots__ = (
        "_by_id",
        "_reason",
        "_stamp",
        "_usable",
        "chosen_by",
        "log_parts",
        "members",
        "rule",
        "scheduler",
        "settings",
        "stickiness",
    )

    usual_choice: ClassVar = ChosenBy.SCHEDULER

    def __init__(
        self,
        settings: RouteSettings,
        open_work: Mapping[str, int],
        before: "Route | None" = None,
        phase: float = 0.0,
        rule: str | None = None,
        book: TargetBook | None = None,
    ) -> None:
        self.settings = settings
        self.rule = rule
        self.chosen_by = ChosenBy.SCHEDULER
        self.log_parts: dict[str | tuple[str, ChosenBy], bytes] = {}
        self.members = (book or TargetBook()).find(settings, before)
        self._by_id = self.members.by_id
        self.scheduler = self._take_scheduler(open_work, before, phase)
        self._usable: list[Target] = []
        self._reason = Reason.NO_SERVERS
        self._stamp = 0
        self.stickiness: Stickiness | None = None

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
            self.follow(availability, now)
        if tried:
            return self._pick_untried(tried, peer)
        server = self.scheduler.pick(peer)
        return self._reason if server is None else self._by_id[server]

    def find_available(
        self, server_id: str, availability: Availability, now: float
    ) -> Target | None:
        """Return the server if it may have new work: it is known, has a weight (C3), and is up."""
        target = self._by_id.get(server_id)
        if target is None or not target.weight or not availability.is_available(target, now):
            return None
        return target

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return the group's servers in its order."""
        return self.members.targets

    @property
    def routes(self) -> "tuple[Route, ...]":
        """Return the routes that this one is made of: itself."""
        return (self,)

    def can_serve(self, availability: Availability, now: float) -> bool:
        """Tell whether a server of the group may be given new work."""
        self.follow(availability, now)
        return bool(self._usable)

    def reaches(self, target: Target) -> bool:
        """Tell whether the plan still has this server at this address."""
        known = self._by_id.get(target.server_id)
        return known is not None and (known.address, known.port) == (target.address, target.port)

    def knows(self, server_id: str) -> bool:
        """Tell whether the server is one of the group's."""
        return server_id in self._by_id

    def follow(self, availability: Availability, now: float) -> None:
        """Take in what has changed in who may be chosen."""
        if now >= availability.next_return:
            availability.readmit(now)
        if availability.stamp != self._stamp:
            self._refresh(availability, now)

    def keeps(self, server_id: str, availability: Availability, now: float) -> bool:
        """Tell whether work that has no connection to lose may stay with its server.

        It leaves a server that is gone or unhealthy, and the half of a pair that is not in use.
        It goes on with weight 0, and where no other server could take it.
        """
        target = self._by_id.get(server_id)
        if target is None:
            return False
        self.follow(availability, now)
        if not self._usable:
            return True
        is_in_use = not target.weight or target.is_secondary == self._usable[0].is_secondary
        return is_in_use and availability.is_healthy(target)

    def _take_scheduler(
        self, open_work: Mapping[str, int], before: "Route | None", phase: float
    ) -> Scheduler:
        """Return a scheduler; servers that stay keep their place if its kind is the same."""
        name, destination = self.settings.scheduler, self.settings.destination
        members = {target.server_id: target.weight for target in self.targets}
        if before and before.settings.scheduler is name:
            usable = {target.server_id for target in before._usable}
            scheduler = before.scheduler.successor(
                {server: weight for server, weight in members.items() if server in usable}
            )
        else:
            scheduler = _new_scheduler(name, destination, open_work, phase)
        scheduler.know_members(members)
        return scheduler

    def _pick_untried(self, tried: Collection[Target], peer: Peer) -> Target | Reason:
        untried = [target for target in self._usable if target not in tried]
        if not untried:
            return Reason.CONNECT_FAILED if self._usable else self._reason
        for _ in self._usable:
            server = self.scheduler.pick(peer)
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
        ready = availability.without_ejected(healthy, now)
        self._usable = ready or healthy
        is_only = len(self._usable) == 1
        self.chosen_by = ChosenBy.ONLY_SERVER if is_only else self.usual_choice
        self.log_parts.clear()
        self.scheduler.replace({target.server_id: target.weight for target in self._usable})
        if not self.targets:
            self._reason = Reason.NO_SERVERS
        elif not weighted:
            self._reason = Reason.NO_WEIGHT
        else:
            self._reason = Reason.NO_HEALTHY_SERVER


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

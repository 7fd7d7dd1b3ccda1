"""Two-group failover: which of two groups serves (S24 to S30).

The first group serves until as many of its servers are unhealthy as the threshold says, and again
as soon as there have been fewer for the hold time without a break, so that a server that comes and
goes does not send the clients to and fro. A group has at most as many unhealthy servers as it has
servers, so a threshold above that means: all of them. Servers that no check has judged yet count
for neither side.

A group that could not serve anybody does not keep its clients from the other one, whatever the
count says. Refused connections alone never send them there, so that both do not serve at once.
"""

import math
from collections.abc import Collection

from proxy.core.health import Availability, Target
from proxy.core.reasons import Reason
from proxy.core.route import Route
from proxy.core.scheduling.scheduler import NOBODY, Peer
from proxy.snapshot import Failover

NEVER = math.inf


class FailoverRoute:
    """A route over two; it goes on where the one of the plan before it stands."""

    __slots__ = ("_first", "_returns_at", "_second", "_settings", "_stamp", "is_failed_over")

    def __init__(
        self,
        settings: Failover,
        first: Route,
        second: Route,
        before: "FailoverRoute | None" = None,
    ) -> None:
        self._settings = settings
        self._first = first
        self._second = second
        self._stamp = 0
        self.is_failed_over = False
        self._returns_at = NEVER
        if before and before._group_ids == self._group_ids:
            self.is_failed_over, self._returns_at = before.is_failed_over, before._returns_at

    @property
    def routes(self) -> tuple[Route, Route]:
        """Return both routes, the first one first."""
        return self._first, self._second

    def pick(
        self,
        availability: Availability,
        now: float,
        tried: Collection[Target] = (),
        peer: Peer = NOBODY,
    ) -> Target | Reason:
        """Return the client's next server, or why there is none in either group."""
        return self._serving(availability, now).pick(availability, now, tried, peer)

    def follow(self, availability: Availability, now: float) -> None:
        """Decide whose turn it is; a turn changes what everybody with a server has to think of."""
        if availability.stamp == self._stamp and now < self._returns_at:
            return
        was_failed_over = self.is_failed_over
        self._decide(self._is_first_down(availability), now)
        if self.is_failed_over is not was_failed_over:
            availability.mark_changed()
        self._stamp = availability.stamp

    def reaches(self, target: Target) -> bool:
        """Tell whether one of the groups still has this server at this address."""
        return self._first.reaches(target) or self._second.reaches(target)

    def keeps(self, server_id: str, availability: Availability, now: float) -> bool:
        """Tell whether work that has no connection to lose may stay with its server.

        It moves to the other group together with the new work.
        """
        return self._serving(availability, now).keeps(server_id, availability, now)

    @property
    def _group_ids(self) -> list[str]:
        return [route.settings.group.id for route in self.routes]

    def _serving(self, availability: Availability, now: float) -> Route:
        self.follow(availability, now)
        turn, other = (self._second, self._first) if self.is_failed_over else self.routes
        if not turn.can_serve(availability, now) and other.can_serve(availability, now):
            return other
        return turn

    def _is_first_down(self, availability: Availability) -> bool:
        targets = self._first.targets
        threshold = min(self._settings.threshold, len(targets))
        return sum(map(availability.is_unhealthy, targets)) >= threshold

    def _decide(self, is_first_down: bool, now: float) -> None:
        if is_first_down:
            self.is_failed_over, self._returns_at = True, NEVER
        elif not self.is_failed_over:
            return
        elif self._returns_at == NEVER:
            self._returns_at = now + self._settings.hold_s
        if now >= self._returns_at:
            self.is_failed_over, self._returns_at = False, NEVER

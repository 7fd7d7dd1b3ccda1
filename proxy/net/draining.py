"""Ends what is open at servers that leave when the drain timeout of their listener is over."""

import time
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from proxy.core.draining import DrainBook, leaving_places
from proxy.core.targets import Place, place_of

if TYPE_CHECKING:
    from proxy.core.health import Target
    from proxy.net.listeners import ListenerService


class Draining:
    """Watches over the servers of one listener that drains."""

    def __init__(self, service: "ListenerService") -> None:
        self._service = service
        self._book = DrainBook()
        self._removed: set[Place] = set()
        self._seen: object = None

    @property
    def servers(self) -> set[str]:
        """Return the ids of the servers that leave."""
        return self._book.servers

    def is_open(self, target: "Target") -> bool:
        """Tell whether what is open at a server that leaves may still go on."""
        return self._book.is_open(place_of(target))

    def remove(self, places: AbstractSet[Place]) -> None:
        """The servers are in the plan no more."""
        self._removed |= places
        self.tend()

    def tend(self) -> None:
        """Note who leaves, and end what is open where the time is over."""
        service, now = self._service, time.monotonic()
        seen = (service.plan, service.availability.stamp)
        if seen != self._seen:
            self._seen = seen
            self._follow(now)
        timeout_s = service.plan.listener.drain_timeout_s
        assert timeout_s is not None
        due = self._book.take_due(now, timeout_s)
        if due:
            for connection in list(service.connections):
                connection.leave(due)
            self._removed -= due

    def _follow(self, now: float) -> None:
        plan = self._service.plan
        self._removed -= plan.places
        leaving = {*leaving_places(plan, self._service.availability), *self._removed}
        self._book.follow(leaving, now)

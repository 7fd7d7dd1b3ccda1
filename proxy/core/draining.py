"""Connection draining: how long what is open at a server that leaves may go on.

A server leaves when it is taken out of its group, when its weight becomes 0, and when the checks
find it down. New work goes elsewhere from then on; what is open has the listener's drain timeout.
A server that is back before is left alone. The checks alone make nobody leave when no other server
could take the work: then the fault may be theirs.
"""

from collections.abc import Iterable, Iterator

from proxy.core.generation import ListenerPlan
from proxy.core.health import Availability
from proxy.core.targets import Place, place_of


class DrainBook:
    """Who leaves since when, and whose time is over already."""

    __slots__ = ("_over", "_since")

    def __init__(self) -> None:
        self._since: dict[Place, float] = {}
        self._over: set[Place] = set()

    @property
    def servers(self) -> set[str]:
        """Return the ids of the servers that leave."""
        return {server for server, _, _ in self._since}

    def is_open(self, place: Place) -> bool:
        """Tell whether the server leaves and what is open there may still go on."""
        return place in self._since and place not in self._over

    def follow(self, leaving: Iterable[Place], now: float) -> None:
        """Take in who leaves now; everybody else is back, or forgotten."""
        self._since = {place: self._since.get(place, now) for place in leaving}
        self._over &= self._since.keys()

    def take_due(self, now: float, timeout_s: float) -> set[Place]:
        """Return those whose time has run out since the last call."""
        due = {place for place, since in self._since.items() if now >= since + timeout_s}
        due -= self._over
        self._over |= due
        return due


def leaving_places(plan: ListenerPlan, availability: Availability) -> Iterator[Place]:
    """Yield the servers of the plan that are to get nothing new, by weight or by the checks."""
    healthy = {place_of(each) for each in plan.targets if availability.is_healthy(each)}
    someone_serves = any(each.weight and place_of(each) in healthy for each in plan.targets)
    for target in plan.targets:
        place = place_of(target)
        if not target.weight or (someone_serves and place not in healthy):
            yield place

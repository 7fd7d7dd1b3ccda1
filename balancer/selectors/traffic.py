"""What the proxies say of the present: which group serves, and what is left at leaving servers."""

import collections
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from balancer.feed import FeedUnavailable, read_counters
from balancer.models import BackendServer, Listener


@dataclass(frozen=True, slots=True)
class Present:
    """The present of some listeners, all nodes together; by the ids of listener and server.

    ``leftover`` counts the connections at servers that are to get nothing new: those that drain,
    and those at weight 0. Removed servers are among them until their last connection ends.
    """

    failed_over: frozenset[str] = frozenset()
    leftover: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def left_at(self, server_id: str, listeners: Iterable[Listener]) -> int:
        """Return how many connections of these listeners are left at the server."""
        return sum(self.leftover.get(each.public_id, {}).get(server_id, 0) for each in listeners)


def read_present(listeners: Iterable[Listener], servers: Iterable[BackendServer]) -> Present:
    """Return what the proxies say, without asking them when there could be nothing to say."""
    wanted = {each.public_id: each for each in listeners if each.is_running}
    idle = {each.public_id for each in servers if not each.weight}
    if not idle and not any(
        each.failover_enabled or each.drain_enabled for each in wanted.values()
    ):
        return Present()
    try:
        nodes = read_counters().values()
    except FeedUnavailable:
        return Present()
    failed_over: set[str] = set()
    leftover: dict[str, collections.Counter[str]] = {}
    for counted in nodes:
        for listener, numbers in counted.get("listeners", {}).items():
            if listener not in wanted:
                continue
            if numbers.get("failed_over"):
                failed_over.add(listener)
            left = leftover.setdefault(listener, collections.Counter())
            for server, of_server in numbers.get("servers", {}).items():
                name = "active" if server in idle else "draining"
                left[server] += of_server.get(name, 0)
    return Present(frozenset(failed_over), leftover)

"""Source-address persistence: the connections of one address meet the same server.

A consistent hash of the address decides, with the weights, so that all workers and all proxies
agree and nobody has to remember anything. Only when weights or members change do some addresses
get another server by it; one that was here within the timeout keeps the server that it had. That
is remembered in each worker by itself, for a bounded number of addresses.

A server that fails, or that is at weight 0, gets nobody; its addresses come back with it.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import ClassVar

from proxy.core.health import Availability, Target
from proxy.core.reasons import ChosenBy, Reason
from proxy.core.route import Route, RouteSettings
from proxy.core.scheduling.consistent_hash import ConsistentHash
from proxy.core.scheduling.scheduler import NOBODY, Peer
from proxy.core.targets import TargetBook

MOST_ADDRESSES = 32768
"""Remembered for each use of a group in each worker: a few megabytes."""


class Memory:
    """Which server each address had last, and when; the address unseen for longest goes first."""

    __slots__ = ("_servers", "most")

    def __init__(self, most: int = MOST_ADDRESSES) -> None:
        self._servers: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.most = most

    def __len__(self) -> int:
        return len(self._servers)

    def recall(self, address: str, since: float) -> str | None:
        """Return the server that the address had, if it was here at that time or later."""
        server, at = self._servers.get(address, ("", 0.0))
        return server if server and at >= since else None

    def remember(self, address: str, server: str, now: float) -> None:
        """Note that the address has this server now."""
        self._servers[address] = (server, now)
        self._servers.move_to_end(address)
        if len(self._servers) > self.most:
            self._servers.popitem(last=False)


class PersistentRoute(Route):
    """A route whose scheduler is a hash of the source address."""

    __slots__ = ("_timeout_s", "memory")

    usual_choice: ClassVar = ChosenBy.SOURCE_ADDRESS

    def __init__(
        self,
        settings: RouteSettings,
        open_work: Mapping[str, int],
        timeout_s: int,
        before: Route | None = None,
        book: TargetBook | None = None,
    ) -> None:
        super().__init__(settings, open_work, before, book=book)
        self._timeout_s = timeout_s
        self.memory: Memory = before.memory if isinstance(before, PersistentRoute) else Memory()

    def pick(
        self,
        availability: Availability,
        now: float,
        tried: Collection[Target] = (),
        peer: Peer = NOBODY,
    ) -> Target | Reason:
        """Return the server that the client had if it may serve, else its server by the hash.

        Only the latter is remembered: what a failure makes of it is over with the failure.
        """
        address = peer[0]
        known = None if tried else self.memory.recall(address, now - self._timeout_s)
        target = self._find(known, availability, now) if known else None
        if target is None:
            found = super().pick(availability, now, tried, peer)
            if isinstance(found, Reason) or self._hash.owner(peer) != found.server_id:
                return found
            target = found
        self.memory.remember(address, target.server_id, now)
        return target

    @property
    def _hash(self) -> ConsistentHash:
        assert isinstance(self.scheduler, ConsistentHash)
        return self.scheduler

    def _find(self, server_id: str, availability: Availability, now: float) -> Target | None:
        self.follow(availability, now)
        return self._by_id[server_id] if self._hash.can_serve(server_id) else None

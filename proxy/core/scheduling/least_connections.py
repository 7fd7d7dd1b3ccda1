"""Weighted least connections: the server with the least open work for its weight is next.

Servers of one weight form a class. A class keeps its servers by how much each has open, and among
those that have equally little the one is next that has waited longest. Which class is next stands
on top of a heap, so a choice costs the same for 3 servers and for 3,000. Among classes whose load
is equal, as when all are idle, weighted round robin decides: each is due again after a distance of
1/weight. One that was passed over for its load does not save up turns.

Open work is what this worker has open. The plan counts it for every scheduler, so that the counts
are right when a listener changes to this one.
"""

import heapq
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Self

from proxy.core.scheduling.scheduler import NOBODY, Peer, Scheduler
from proxy.core.scheduling.weighted_round_robin import MIDWAY, by_weight

_Entry = tuple[float, float, int]
"""Load of a class, when it is due among equals, and its weight."""
STALE_ENTRIES = 128
"""How many outdated entries a heap may hold beside as many as there are classes."""


class _Class:
    """Servers of one weight, by how much each has open."""

    __slots__ = ("_least", "by_open", "due", "entry", "step", "weight")

    def __init__(self, weight: int, servers: Sequence[str], open_work: Mapping[str, int]) -> None:
        self.weight = weight
        self.step = 1.0 / (weight * len(servers))
        self.by_open: dict[int, OrderedDict[str, None]] = {}
        self.due = 0.0
        for server in servers:
            self._put(server, open_work.get(server, 0))
        self._least = min(self.by_open)
        self.entry: _Entry = self._present_entry()

    @property
    def first(self) -> str:
        """Return the server that is next in the class."""
        return next(iter(self.by_open[self._least]))

    @property
    def servers(self) -> Iterable[str]:
        """Return the servers, within equal load the longest waiting first."""
        return (server for servers in self.by_open.values() for server in servers)

    def move(self, server: str, had: int, now: int) -> None:
        """Note that the server has more or less open than it had."""
        left = self.by_open[had]
        del left[server]
        if not left:
            del self.by_open[had]
        self._put(server, now)
        if now < self._least:
            self._least = now
        elif self._least not in self.by_open:
            # The last of the least loaded went one step up, where it is now.
            self._least = now if now == had + 1 else min(self.by_open)

    def renew(self) -> _Entry:
        """Return where the class stands now; entries before are outdated."""
        self.entry = entry = self._present_entry()
        return entry

    def _present_entry(self) -> _Entry:
        return self._least / self.weight, self.due, self.weight

    def _put(self, server: str, count: int) -> None:
        servers = self.by_open.get(count)
        if servers is None:
            servers = self.by_open[count] = OrderedDict()
        servers[server] = None


class WeightedLeastConnections(Scheduler):
    """Chooses by open work, which ``open_work`` counts for each server that has any."""

    counts_work: ClassVar = True

    __slots__ = ("_classes", "_clock", "_heap", "_known", "_open_work", "_phase", "_weights")

    def __init__(self, open_work: Mapping[str, int], phase: float = 0.0) -> None:
        self._open_work = open_work
        self._phase = phase
        self._weights: dict[str, int] = {}
        self._classes: dict[int, _Class] = {}
        self._known: dict[str, int] = {}
        self._heap: list[_Entry] = []
        self._clock = 0.0

    def pick(self, peer: Peer = NOBODY) -> str | None:
        """Return the least loaded server, or None when there is none with weight."""
        heap, classes = self._heap, self._classes
        if not classes:
            return None
        entry = heap[0]
        while entry is not classes[entry[2]].entry:
            heapq.heappop(heap)
            entry = heap[0]
        return classes[entry[2]].first

    def begin(self, server: str) -> None:
        """The server has got new work: it has had its turn."""
        chosen = self._move(server)
        if chosen is not None:
            self._clock = max(chosen.due, self._clock)
            chosen.due = self._clock + chosen.step
            self._push(chosen)

    def end(self, server: str) -> None:
        """The server has finished some of its work."""
        relieved = self._move(server)
        if relieved is not None:
            self._push(relieved)

    def replace(self, weights: Mapping[str, int]) -> None:
        """Choose among these servers from now on; those that stay keep their place."""
        usable = _usable(weights)
        if usable != self._weights:
            self._continue(self, usable)

    def successor(self, weights: Mapping[str, int]) -> Self:
        """Return a scheduler for these servers that goes on where this one stands."""
        heir = type(self)(self._open_work, self._phase)
        heir._continue(self, _usable(weights))
        return heir

    def _move(self, server: str) -> _Class | None:
        """Bring the server to its place and return its class, if it is one to choose from."""
        weight = self._weights.get(server)
        if weight is None:
            return None
        its_class = self._classes[weight]
        now = self._open_work.get(server, 0)
        its_class.move(server, self._known[server], now)
        self._known[server] = now
        return its_class

    def _push(self, changed: _Class) -> None:
        heapq.heappush(self._heap, changed.renew())
        if len(self._heap) > len(self._classes) + STALE_ENTRIES:
            self._rebuild_heap()

    def _rebuild_heap(self) -> None:
        self._heap = [each.entry for each in self._classes.values()]
        heapq.heapify(self._heap)

    def _continue(self, before: "WeightedLeastConnections", usable: dict[str, int]) -> None:
        """Choose among these, from where the one before stands."""
        order = [server for each in before._classes.values() for server in each.servers]
        staying = dict.fromkeys(server for server in order if server in usable)
        rings = by_weight({server: usable[server] for server in [*staying, *usable]})
        waits = {
            weight: max(0.0, each.due - before._clock) / each.step
            for weight, each in before._classes.items()
        }
        self._clock = before._clock
        self._weights = usable
        self._known = {server: self._open_work.get(server, 0) for server in usable}
        self._classes = {}
        for weight, servers in rings.items():
            wait, first = (waits.get(weight, MIDWAY), 0) if order else self._start(usable, servers)
            its_class = _Class(weight, servers[first:] + servers[:first], self._open_work)
            its_class.due = self._clock + wait * its_class.step
            its_class.renew()
            self._classes[weight] = its_class
        self._rebuild_heap()

    def _start(self, weights: Mapping[str, int], servers: Sequence[str]) -> tuple[float, int]:
        """Return the wait of a class, in turns, and its first server at the phase of a cycle."""
        share = weights[servers[0]] * len(servers)
        turns, progress = divmod(self._phase / math.gcd(*weights.values()) * share + MIDWAY, 1.0)
        return 1.0 - progress, int(turns) % len(servers)


def _usable(weights: Mapping[str, int]) -> dict[str, int]:
    return {server: weight for server, weight in weights.items() if weight > 0}

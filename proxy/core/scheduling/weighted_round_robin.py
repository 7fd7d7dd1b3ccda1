"""Weighted round robin: heavy servers are interleaved, never bursty, and shares are exact.

Each server is due again after a distance of 1/weight, and the server that is due first is next.
Servers of one weight form a ring that is due as one, with the weight of them all; so a choice is
one step in a heap of at most 100 rings, whatever the number of servers. Over one cycle, that is
``sum(weights) / gcd(weights)`` choices in a row, every server has exactly its share.

Choices are made ahead in chunks and kept, so that a pick mostly just takes the next of a list.

A change of members or weights keeps how far each server had come since its last turn. Starting
afresh at every change would favour the servers at the head.
"""

import heapq
import math
import operator
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

from proxy.core.scheduling.scheduler import NOBODY, Peer, Scheduler

MIDWAY = 0.5
"""How far a new server has come: what leaving ones had come on the average."""
CHUNK = 128
"""Choices made ahead at a time: about a tenth of a millisecond of work."""


class _Ring(NamedTuple):
    """Servers of one weight in the order of their turns; turn ``n`` is due at start + n * step."""

    servers: list[str]
    start: float
    step: float


class _Moment(NamedTuple):
    """Where the rings stand: how many turns each has had, and when the last one was due."""

    turns: list[int]
    due: float


class WeightedRoundRobin(Scheduler):
    """Chooses among servers by weight. ``phase`` (0 to 1) is where in the cycle it starts."""

    __slots__ = (
        "_chunks",
        "_left",
        "_moments",
        "_next_chunk",
        "_phase",
        "_rings",
        "_rounds",
        "_upcoming",
        "_weights",
    )

    def __init__(self, weights: Mapping[str, int], phase: float = 0.0) -> None:
        self._phase = phase
        self._weights: dict[str, int] = {}
        self._rings: list[_Ring] = []
        self._begin(_Moment([], 0.0))
        self.replace(weights)

    def __len__(self) -> int:
        return len(self._weights)

    def pick(self, peer: Peer = NOBODY) -> str | None:
        """Return the next server, or None when there is none with weight."""
        server = next(self._upcoming, None)
        return self._refill() if server is None else server

    def replace(self, weights: Mapping[str, int]) -> None:
        """Choose among these servers from now on; those that stay keep their place."""
        wanted = {server: weight for server, weight in weights.items() if weight > 0}
        if wanted == self._weights:
            return
        if self._weights:
            self._rings = self._carried_rings(wanted)
        else:
            self._rings = self._fresh_rings(wanted)
        self._weights = wanted
        self._begin(_Moment([0] * len(self._rings), 0.0))

    def successor(self, weights: Mapping[str, int]) -> Self:
        """Return a scheduler for these servers that goes on where this one stands."""
        heir = type(self)({}, self._phase)
        heir._weights = self._weights
        heir._rings = self._rings
        heir._begin(self._present())
        heir.replace(weights)
        return heir

    def _begin(self, moment: _Moment) -> None:
        """Start a cycle here: what was chosen ahead no longer counts."""
        self._chunks: list[list[str]] = []
        # Where the rings stood before each chunk, and after the last.
        self._moments = [moment]
        self._next_chunk = 0
        self._upcoming: Iterator[str] = iter(())
        total, divisor = sum(self._weights.values()), math.gcd(*self._weights.values())
        # A very short cycle is taken several times, so that a chunk is worth its while.
        self._rounds = -(-CHUNK * divisor // total) if total else 0
        self._left = self._rounds * total // divisor if total else 0

    def _refill(self) -> str | None:
        """Return the next server when the chunk is used up: choose more, or go round again."""
        if not self._rings:
            return None
        if self._next_chunk == len(self._chunks):
            self._choose_chunk()
        chunk = self._chunks[self._next_chunk]
        self._next_chunk += 1
        self._upcoming = iter(chunk)
        return next(self._upcoming)

    def _choose_chunk(self) -> None:
        if not self._left and self._is_exact():
            self._next_chunk = 0
            return
        if not self._left:
            self._begin(self._moments[-1])
        moment, chunk = self._choose(self._moments[-1], min(CHUNK, self._left))
        self._left -= len(chunk)
        self._chunks.append(chunk)
        self._moments.append(moment)

    def _is_exact(self) -> bool:
        """Tell whether each ring had just its share, so that the next cycle is the same again.

        It is so unless a change just before it left a ring more than one turn late or early.
        """
        before, after = self._moments[0], self._moments[-1]
        rounds = self._rounds / math.gcd(*self._weights.values())
        return all(
            now - had == round(rounds * len(ring.servers) * self._weights[ring.servers[0]])
            for had, now, ring in zip(before.turns, after.turns, self._rings, strict=True)
        )

    def _present(self) -> _Moment:
        """Return where the rings stood after the last pick."""
        if not self._next_chunk:
            return self._moments[0]
        chunk = self._chunks[self._next_chunk - 1]
        taken = len(chunk) - operator.length_hint(self._upcoming)
        return self._choose(self._moments[self._next_chunk - 1], taken)[0]

    def _choose(self, moment: _Moment, count: int) -> tuple[_Moment, list[str]]:
        """Return the next choices from the moment on, and the moment after them."""
        rings, turns, due, chosen = self._rings, moment.turns.copy(), moment.due, []
        heap = [
            (_due(ring, had), index)
            for index, (ring, had) in enumerate(zip(rings, turns, strict=True))
        ]
        heapq.heapify(heap)
        for _ in range(count):
            due, index = heap[0]
            ring = rings[index]
            turn = turns[index]
            chosen.append(ring.servers[turn % len(ring.servers)])
            turns[index] = turn = turn + 1
            heapq.heapreplace(heap, (_due(ring, turn), index))
        return _Moment(turns, due), chosen

    def _fresh_rings(self, weights: Mapping[str, int]) -> list[_Ring]:
        """Return the rings as they stand at the phase of the first cycle."""
        begin = self._phase / math.gcd(*weights.values())
        rings = []
        for weight, servers in by_weight(weights).items():
            share = weight * len(servers)
            turns, progress = divmod(begin * share + MIDWAY, 1.0)
            first = int(turns) % len(servers)
            servers = servers[first:] + servers[:first]
            rings.append(_Ring(servers, (1.0 - progress) / share, 1.0 / share))
        return rings

    def _carried_rings(self, weights: Mapping[str, int]) -> list[_Ring]:
        """Return rings in which every server that stays has come as far as before."""
        progress = self._progress()
        rings = []
        for weight, servers in by_weight(weights).items():
            come = {server: progress.get(server, MIDWAY) for server in servers}
            servers.sort(key=come.__getitem__, reverse=True)
            step = 1.0 / (weight * len(servers))
            rings.append(_Ring(servers, (1.0 - _come(list(come.values()))) * step, step))
        return rings

    def _progress(self) -> dict[str, float]:
        """Return how far each server has come since its last turn: 0 just had it, 1 is due."""
        present = self._present()
        progress = {}
        for ring, had in zip(self._rings, present.turns, strict=True):
            ahead = (ring.start + had * ring.step - present.due) / ring.step
            size = len(ring.servers)
            for place in range(size):
                server = ring.servers[(had + place) % size]
                progress[server] = 1.0 - (place + ahead) / size
        return progress


def _due(ring: _Ring, turn: int) -> float:
    """Return when a turn is due: rings that are due together are so at every turn of theirs.

    Multiplied, never summed up: rounding does not drift over any number of turns.
    """
    return round(ring.start + turn * ring.step, 10)


def _come(progress: list[float]) -> float:
    """Return how far a ring has come if all its servers together are to have come that far.

    In a ring the servers are evenly apart, so it is the sum less the even steps. Beyond one turn
    early or late the change was so large that smoothness for the others counts more.
    """
    come = math.fsum(progress) - (len(progress) - 1) / 2
    return min(max(come, -1.0), 2.0)


def by_weight(weights: Mapping[str, int]) -> dict[int, list[str]]:
    """Return the servers of each weight, heaviest first; equals keep their order."""
    rings: dict[int, list[str]] = {}
    for server, weight in weights.items():
        rings.setdefault(weight, []).append(server)
    return dict(sorted(rings.items(), reverse=True))

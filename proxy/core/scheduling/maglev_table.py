"""A Maglev table: which server each of 65,537 slots belongs to, in the ratio of the weights.

Each server has an order of its own in which it would like the slots, and claims the first one that
is free whenever its turn comes; turns are due at distances of 1/weight. The table depends on the
servers' names and weights alone, never on their order or on what was before, so any two proxies
have the same. When a server goes, the turns of the others stay in the same order, so that few
slots move that were not its own.

A table takes about a tenth of a second, hence it is made in parts.
"""

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from proxy.core.scheduling.weighted_round_robin import by_weight

SLOTS = 65537
"""A prime, so that every distance leads through all slots."""
PROBES_PER_PART = 4096
"""How many slots are looked at in one part: about a millisecond."""


@dataclass(slots=True)
class _Claimant:
    """A server, the slot where it goes on looking, and the distance of its steps."""

    server: str
    slot: int
    step: int


class MaglevTable:
    """The slots' servers; the table may be used when ``is_complete``."""

    __slots__ = ("_parts", "is_complete", "servers", "weights")

    def __init__(self, weights: Mapping[str, int]) -> None:
        self.weights = dict(weights)
        self.servers: list[str] = [""] * SLOTS
        self.is_complete = False
        self._parts = self._fill()

    def advance(self) -> None:
        """Make one part of the table."""
        next(self._parts, None)

    def complete(self) -> None:
        """Make all that is left of the table."""
        for _ in self._parts:
            pass

    def _fill(self) -> Iterator[None]:
        """Give every slot a server, and pause after each part.

        The fewer slots are free the longer it takes to find one, so a part is a share of those
        that are left. The first turn of all is due at once: however small its weight, a server
        gets something.
        """
        servers, left = self.servers, SLOTS
        pause_at = _end_of_part(left)
        for claimant in _turns(self.weights):
            slot, step = claimant.slot, claimant.step
            while servers[slot]:
                slot += step
                if slot >= SLOTS:
                    slot -= SLOTS
            servers[slot] = claimant.server
            claimant.slot = slot
            left -= 1
            if not left:
                break
            if left == pause_at:
                pause_at = _end_of_part(left)
                yield
        self.is_complete = True


def _end_of_part(left: int) -> int:
    return left - max(1, left * PROBES_PER_PART // SLOTS)


def _turns(weights: Mapping[str, int]) -> Iterator[_Claimant]:
    """Return whose turn it is, without end; servers of one weight have theirs together."""
    rings = {
        weight: [_claimant(server) for server in sorted(servers)]
        for weight, servers in by_weight(weights).items()
    }
    heap = [(0.0, weight, 0) for weight in rings]
    heapq.heapify(heap)
    while heap:
        _, weight, had = heap[0]
        yield from rings[weight]
        heapq.heapreplace(heap, ((had + 1.5) / weight, weight, had + 1))


def _claimant(server: str) -> _Claimant:
    digest = hashlib.blake2b(server.encode(), digest_size=16).digest()
    first, step = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
    return _Claimant(server, first % SLOTS, step % (SLOTS - 1) + 1)

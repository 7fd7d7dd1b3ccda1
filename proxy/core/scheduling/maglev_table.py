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
from collections.abc import Generator, Iterator, Mapping, Sequence

SLOTS = 65537
"""A prime, so that every distance leads through all slots."""
PROBES_PER_PART = 4096
"""How many slots are looked at in one part: about a millisecond."""
NAMES_PER_PART = 256


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
        names = sorted(self.weights)
        # By index, in lists of numbers: an object for each server would keep the garbage collector
        # busy for as long as a part takes.
        slots, steps = yield from _first_claims(names)
        servers, left = self.servers, SLOTS
        pause_at = _end_of_part(left)
        for index in _turns([self.weights[name] for name in names]):
            slot, step = slots[index], steps[index]
            while servers[slot]:
                slot += step
                if slot >= SLOTS:
                    slot -= SLOTS
            servers[slot] = names[index]
            slots[index] = slot
            left -= 1
            if not left:
                break
            if left == pause_at:
                pause_at = _end_of_part(left)
                yield
        self.is_complete = True


def _end_of_part(left: int) -> int:
    return left - max(1, left * PROBES_PER_PART // SLOTS)


def _first_claims(names: Sequence[str]) -> Generator[None, None, tuple[list[int], list[int]]]:
    """Return the slot where each server begins to look, and the distance of its steps."""
    slots, steps = [], []
    for name in names:
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        slots.append(int.from_bytes(digest[:8], "big") % SLOTS)
        steps.append(int.from_bytes(digest[8:], "big") % (SLOTS - 1) + 1)
        if len(slots) % NAMES_PER_PART == 0:
            yield
    return slots, steps


def _turns(weights: Sequence[int]) -> Iterator[int]:
    """Return whose turn it is, without end; servers of one weight have theirs together."""
    rings: dict[int, list[int]] = {}
    for index, weight in enumerate(weights):
        rings.setdefault(weight, []).append(index)
    heap = sorted((0.0, weight, 0) for weight in rings)
    while heap:
        _, weight, had = heap[0]
        yield from rings[weight]
        heapq.heapreplace(heap, ((had + 1.5) / weight, weight, had + 1))

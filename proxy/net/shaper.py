"""The bandwidth of a listener and of its instance, over all workers of the node.

Each direction has the whole of it. A listener's own limit is a bucket, and that of its instance is
one more which all listeners draw from: whoever passes something on draws from both, and waits for
the emptier one. Nothing of a stream is ever dropped. Whoever has read more than allowed leaves the
rest in the kernel until the debt is waited off, so the peer is slowed down by its own window. Those
that wait are let go in the order they came, no more at a time than the limit has room for.
"""

import collections
from collections.abc import Sequence
from typing import Protocol

from proxy.core.buckets import Bucket
from proxy.net.deadlines import Deadline, DeadlineWheel
from proxy.net.ledger import INWARD, OUTWARD, Ledger

BYTES_PER_MEGABIT = 125_000
LEAST_READ = 4096
MOST_READ = 256 * 1024
READS_PER_S = 16


class Reader(Protocol):
    """A connection that can be made to wait."""

    def hold(self) -> None:
        """Leave the peer's bytes in the kernel until ``let_go``."""

    def let_go(self) -> None:
        """Read on."""


class Direction:
    """One direction of a listener's traffic, and the buckets that limit it."""

    __slots__ = ("_buckets", "_held", "_wake_deadline", "_wheel", "read_bytes")

    def __init__(self, buckets: Sequence[Bucket], wheel: DeadlineWheel) -> None:
        self._buckets = tuple(buckets)
        self._wheel = wheel
        self._held: collections.deque[Reader] = collections.deque()
        self._wake_deadline: Deadline | None = None
        # One read is a small part of what a second allows, so that several take turns.
        slowest = min(bucket.rate for bucket in buckets)
        self.read_bytes = min(MOST_READ, max(LEAST_READ, int(slowest) // READS_PER_S))

    def spend(self, size: int, reader: Reader | None = None) -> None:
        """Count bytes that were passed on; the reader waits if that was more than allowed."""
        now, has_room = self._wheel.now, True
        for bucket in self._buckets:
            has_room &= bucket.spend(now, size)
        if not has_room and reader is not None:
            self.hold(reader)

    def is_spent(self) -> bool:
        """Tell whether nothing may pass now."""
        return self._room() <= 0

    def hold(self, reader: Reader) -> None:
        """Let the reader wait for its turn."""
        reader.hold()
        self._held.append(reader)
        if self._wake_deadline is None:
            self._wake_later()

    def admits(self, size: int) -> bool:
        """Tell whether a packet may pass, and count it; what may not is dropped."""
        now = self._wheel.now
        if self._room() < 1:
            return False
        for bucket in self._buckets:
            bucket.spend(now, size)
        return True

    def close(self) -> None:
        """Let everybody go: there is no limit any more."""
        if self._wake_deadline is not None:
            self._wake_deadline.cancel()
            self._wake_deadline = None
        held, self._held = self._held, collections.deque()
        for reader in held:
            reader.let_go()

    def _wake_later(self) -> None:
        debt_s = max(bucket.debt_s for bucket in self._buckets)
        self._wake_deadline = self._wheel.schedule(debt_s, self._wake)

    def _wake(self) -> None:
        self._wake_deadline = None
        turns = [self._held.popleft() for _ in range(self._turns(self._room()))]
        for reader in turns:
            reader.let_go()
        if self._held and self._wake_deadline is None:
            self._wake_later()

    def _room(self) -> float:
        """Return how much may pass now by all of the buckets."""
        now = self._wheel.now
        for bucket in self._buckets:
            bucket.fill(now)
        return min(bucket.level for bucket in self._buckets)

    def _turns(self, room: float) -> int:
        return 0 if room <= 0 else min(len(self._held), 1 + int(room) // self.read_bytes)


Buckets = tuple[Bucket, Bucket]
"""One for each direction: inward, outward."""


def bandwidth_buckets(
    mbps: int, wheel: DeadlineWheel, ledger: Ledger | None = None, row: int | None = None
) -> Buckets:
    """Return the buckets of a bandwidth; with a row all workers of the node draw from them."""

    def bucket(cell: int) -> Bucket:
        meter = ledger.cell(row, cell) if ledger is not None and row is not None else None
        return Bucket(mbps * BYTES_PER_MEGABIT, wheel.now, meter)

    return bucket(INWARD), bucket(OUTWARD)


class Shaper:
    """Both directions of one listener in one worker.

    ``mbps`` None: the listener has only what it ``shares`` with the others of its instance.
    """

    __slots__ = ("inward", "mbps", "outward", "row", "shares")

    def __init__(
        self,
        mbps: int | None,
        wheel: DeadlineWheel,
        ledger: Ledger | None = None,
        row: int | None = None,
        shares: Buckets | None = None,
    ) -> None:
        self.mbps = mbps
        self.row = row
        self.shares = shares
        own = bandwidth_buckets(mbps, wheel, ledger, row) if mbps is not None else None
        inward, outward = zip(*(each for each in (own, shares) if each is not None), strict=True)
        self.inward, self.outward = Direction(inward, wheel), Direction(outward, wheel)

    def close(self) -> None:
        """Let everybody go that waits for a turn."""
        self.inward.close()
        self.outward.close()

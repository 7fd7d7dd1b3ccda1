"""The bandwidth of one listener: each direction has the whole of it, over all workers of the node.

Nothing of a stream is ever dropped. Whoever has read more than the limit allows leaves the rest in
the kernel until the debt is waited off, so the peer is slowed down by its own window. Those that
wait are let go in the order they came, no more at a time than the limit has room for.
"""

import collections
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
    """One direction of a listener's traffic."""

    __slots__ = ("_bucket", "_held", "_wake_deadline", "_wheel", "read_bytes")

    def __init__(self, bucket: Bucket, wheel: DeadlineWheel) -> None:
        self._bucket = bucket
        self._wheel = wheel
        self._held: collections.deque[Reader] = collections.deque()
        self._wake_deadline: Deadline | None = None
        # One read is a small part of what a second allows, so that several take turns.
        self.read_bytes = min(MOST_READ, max(LEAST_READ, int(bucket.rate) // READS_PER_S))

    def spend(self, size: int, reader: Reader | None = None) -> None:
        """Count bytes that were passed on; the reader waits if that was more than allowed."""
        if not self._bucket.spend(self._wheel.now, size) and reader is not None:
            self.hold(reader)

    def is_spent(self) -> bool:
        """Tell whether nothing may pass now."""
        self._bucket.fill(self._wheel.now)
        return self._bucket.level <= 0

    def hold(self, reader: Reader) -> None:
        """Let the reader wait for its turn."""
        reader.hold()
        self._held.append(reader)
        if self._wake_deadline is None:
            self._wake_later()

    def admits(self, size: int) -> bool:
        """Tell whether a packet may pass, and count it; what may not is dropped."""
        return self._bucket.take(self._wheel.now, size)

    def close(self) -> None:
        """Let everybody go: there is no limit any more."""
        if self._wake_deadline is not None:
            self._wake_deadline.cancel()
            self._wake_deadline = None
        held, self._held = self._held, collections.deque()
        for reader in held:
            reader.let_go()

    def _wake_later(self) -> None:
        self._wake_deadline = self._wheel.schedule(self._bucket.debt_s, self._wake)

    def _wake(self) -> None:
        self._wake_deadline = None
        self._bucket.fill(self._wheel.now)
        room = self._bucket.level
        turns = [self._held.popleft() for _ in range(self._turns(room))]
        for reader in turns:
            reader.let_go()
        if self._held and self._wake_deadline is None:
            self._wake_later()

    def _turns(self, room: float) -> int:
        return 0 if room <= 0 else min(len(self._held), 1 + int(room) // self.read_bytes)


class Shaper:
    """Both directions of one listener in one worker."""

    __slots__ = ("inward", "mbps", "outward", "row")

    def __init__(
        self,
        mbps: int,
        wheel: DeadlineWheel,
        ledger: Ledger | None = None,
        row: int | None = None,
    ) -> None:
        self.mbps = mbps
        self.row = row

        def direction(cell: int) -> Direction:
            meter = ledger.cell(row, cell) if ledger is not None and row is not None else None
            return Direction(Bucket(mbps * BYTES_PER_MEGABIT, wheel.now, meter), wheel)

        self.inward, self.outward = direction(INWARD), direction(OUTWARD)

    def close(self) -> None:
        """Let everybody go that waits for a turn."""
        self.inward.close()
        self.outward.close()

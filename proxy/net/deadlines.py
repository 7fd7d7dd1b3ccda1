"""One coarse wheel for every deadline of a worker, so that no connection owns a timer.

Time is cut into ticks. A deadline sits in the slot of the tick at which it is looked at next; the
wheel turns once per tick and looks at one slot only. ``touch`` moves a deadline by writing one
number: it stays where it is and is put further on when its slot comes round. A deadline never
fires early, and at most two ticks late.
"""

import logging
import time
from collections.abc import Callable

GRANULARITY_S = 0.25
SLOTS = 256

logger = logging.getLogger(__name__)


class Deadline:
    """One act to come. It happens at most once; cancel it as often as you like."""

    __slots__ = ("_wheel", "callback", "due_at", "looked_at", "slot")

    def __init__(self, wheel: "DeadlineWheel", due_at: float, callback: Callable[[], None]) -> None:
        self._wheel = wheel
        self.callback: Callable[[], None] | None = callback
        self.due_at = due_at
        self.looked_at = due_at
        self.slot: set[Deadline] | None = None

    def touch(self, delay_s: float) -> None:
        """Put the deadline off (or forward) to ``delay_s`` from now."""
        wheel = self._wheel
        self.due_at = due_at = wheel.now + delay_s + wheel.granularity_s
        # A slot that comes round early enough will do: only a sooner one needs a move.
        if due_at < self.looked_at - wheel.granularity_s and self.callback is not None:
            wheel.place(self)

    def cancel(self) -> None:
        """Forget the act."""
        self.callback = None
        if self.slot is not None:
            self.slot.discard(self)
            self.slot = None


class DeadlineWheel:
    """Holds the deadlines of one worker; ``advance`` is called about once per tick."""

    __slots__ = ("_clock", "_slots", "_tick", "granularity_s", "now")

    def __init__(
        self, granularity_s: float = GRANULARITY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.granularity_s = granularity_s
        self.now = clock()
        self._tick = int(self.now / granularity_s)
        self._slots: list[set[Deadline]] = [set() for _ in range(SLOTS)]

    def __len__(self) -> int:
        return sum(len(slot) for slot in self._slots)

    def schedule(self, delay_s: float, callback: Callable[[], None]) -> Deadline:
        """Call back once, ``delay_s`` from now, unless cancelled or touched before."""
        deadline = Deadline(self, self.now + delay_s + self.granularity_s, callback)
        self.place(deadline)
        return deadline

    def place(self, deadline: Deadline) -> None:
        """Put the deadline into the slot at which it is looked at next."""
        if deadline.slot is not None:
            deadline.slot.discard(deadline)
        tick = int(deadline.due_at / self.granularity_s) + 1
        tick = min(max(tick, self._tick + 1), self._tick + SLOTS - 1)
        deadline.looked_at = tick * self.granularity_s
        slot = self._slots[tick % SLOTS]
        slot.add(deadline)
        deadline.slot = slot

    def advance(self) -> None:
        """Turn the wheel to the present and fire what is due."""
        self.now = self._clock()
        target = int(self.now / self.granularity_s)
        # After a long pause (a stopped process) one whole turn visits every slot.
        self._tick = max(self._tick, target - SLOTS)
        while self._tick < target:
            self._tick += 1
            self._visit(self._slots[self._tick % SLOTS])

    def _visit(self, slot: set[Deadline]) -> None:
        if not slot:
            return
        waiting = list(slot)
        slot.clear()
        for deadline in waiting:
            deadline.slot = None
        for deadline in waiting:
            callback = deadline.callback
            if callback is None or deadline.slot is not None:
                continue
            if deadline.due_at > self.now:
                self.place(deadline)
                continue
            deadline.callback = None
            try:
                callback()
            except Exception:
                logger.exception("a deadline failed")

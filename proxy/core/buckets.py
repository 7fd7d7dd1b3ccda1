"""So much a second: a bucket that fills at a rate and holds one second's worth.

What several workers spend together is in a meter that they share, so a limit is one for the node
whatever way the kernel spreads connections over its workers. Each worker looks at the sum whenever
it spends; between two looks the bucket fills up to its brim and not beyond.
"""

from typing import Protocol


class Meter(Protocol):
    """A number that only grows, by what several workers add to it."""

    def add(self, amount: int) -> None:
        """Add what this worker has spent."""

    def total(self) -> int:
        """Return what all workers have spent."""


class OwnMeter:
    """The meter of a worker that shares its limit with nobody."""

    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total = 0

    def add(self, amount: int) -> None:
        """Add to the number."""
        self._total += amount

    def total(self) -> int:
        """Return the number."""
        return self._total


class Bucket:
    """One limit of so much a second. ``level`` below zero is a debt that has to be waited off."""

    __slots__ = ("_filled_at", "_meter", "_seen", "level", "rate")

    def __init__(self, rate: float, now: float, meter: Meter | None = None) -> None:
        self._meter: Meter = meter or OwnMeter()
        self._seen = self._meter.total()
        self._filled_at = now
        self.rate = rate
        self.level = rate

    def fill(self, now: float) -> None:
        """Bring the level up to date."""
        total = self._meter.total()
        gained = (now - self._filled_at) * self.rate - (total - self._seen)
        self.level = min(self.level + gained, self.rate)
        self._seen, self._filled_at = total, now

    def take(self, now: float, amount: int = 1) -> bool:
        """Take the amount if there is anything left, and return whether there was."""
        self.fill(now)
        if self.level < 1:
            return False
        self._spend(amount)
        return True

    def spend(self, now: float, amount: int) -> bool:
        """Take the amount even if it makes a debt; return whether there is none."""
        self.fill(now)
        self._spend(amount)
        return self.level > 0

    @property
    def debt_s(self) -> float:
        """Return how many seconds it takes until there is something to take again."""
        return max(0.0, -self.level / self.rate)

    def _spend(self, amount: int) -> None:
        self._meter.add(amount)
        self._seen += amount
        self.level -= amount

"""Numbers that all workers of a node see: memory in which each worker writes its own cells.

A row belongs to one load balancer or listener and has a few cells; every worker has its own copy
of each, so nobody overwrites what another one counts, and a sum needs no lock. The parent makes the
memory and says which row is whose. Behind the numbers lies the secret of TLS session tickets.
"""

import collections
import mmap
import os
from collections.abc import Iterable

from proxy.net.ticket_keys import MEMORY_BYTES, TicketSecret
from proxy.snapshot import Limits, Snapshot

ROWS = 16384
CELLS = 5
BYTES = 8
INWARD, OUTWARD, OPEN, NEW_CONNECTIONS, REQUESTS = range(CELLS)
"""The cells of a load balancer; its listeners have the first two."""


def create_ledger(workers: int) -> int:
    """Return a descriptor of empty memory for so many workers."""
    descriptor = os.memfd_create("openclb-ledger")
    os.ftruncate(descriptor, _numbers_size(workers) + MEMORY_BYTES)
    return descriptor


def ticket_secret(descriptor: int, workers: int) -> TicketSecret:
    """Return the secret that lies in this memory."""
    return TicketSecret(descriptor, _numbers_size(workers))


def _numbers_size(workers: int) -> int:
    return ROWS * CELLS * workers * BYTES  # whole pages


class Cell:
    """One number of one row: this worker's own, and the sum of all."""

    __slots__ = ("_own", "_row")

    def __init__(self, row: memoryview, worker: int) -> None:
        self._row = row
        self._own = worker

    def add(self, amount: int) -> None:
        """Add to this worker's own number."""
        self._row[self._own] += amount

    def set(self, number: int) -> None:
        """Replace this worker's own number."""
        self._row[self._own] = number

    def total(self) -> int:
        """Return the sum over all workers."""
        return sum(self._row)


class Ledger:
    """The memory as one worker sees it."""

    def __init__(self, descriptor: int, workers: int, worker: int) -> None:
        self._workers, self._worker = workers, worker
        self._memory = mmap.mmap(descriptor, _numbers_size(workers))
        self._numbers = memoryview(self._memory).cast("Q")
        self.tickets = ticket_secret(descriptor, workers)

    def cell(self, row: int, cell: int) -> Cell:
        """Return a cell of a row."""
        first = (row * CELLS + cell) * self._workers
        return Cell(self._numbers[first : first + self._workers], self._worker)


class LedgerRows:
    """Which row is whose, in the parent's hands. Without a free row a worker counts for itself."""

    def __init__(self) -> None:
        # Last come, last given: what is being closed may count on for a while.
        self._free = collections.deque(range(ROWS))
        self._rows: dict[str, dict[str, int]] = {}

    def assign(self, snapshot: Snapshot) -> dict[str, int]:
        """Return the rows of what has a limit in the snapshot, the same as before if it had one."""
        before = self._rows.get(snapshot.load_balancer, {})
        wanted = set(_limited(snapshot))
        self._free += [row for name, row in before.items() if name not in wanted]
        rows = {name: row for name, row in before.items() if name in wanted}
        for name in sorted(wanted - rows.keys()):
            if self._free:
                rows[name] = self._free.popleft()
        self._rows[snapshot.load_balancer] = rows
        return rows

    def release(self, load_balancer: str) -> None:
        """Take back the rows of a load balancer that is gone."""
        self._free += self._rows.pop(load_balancer, {}).values()


def _limited(snapshot: Snapshot) -> Iterable[str]:
    if snapshot.limits != Limits():
        yield snapshot.load_balancer
    for listener in snapshot.listeners:
        if listener.bandwidth_mbps is not None:
            yield listener.id

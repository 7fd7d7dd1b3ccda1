"""What a load balancer lets its listeners do together, over all workers of the node."""

from typing import TYPE_CHECKING

from proxy.core.buckets import Bucket, Meter
from proxy.core.reasons import Reason
from proxy.net.deadlines import DeadlineWheel
from proxy.net.ledger import NEW_CONNECTIONS, OPEN, REQUESTS, Cell, Ledger
from proxy.net.shaper import Buckets, bandwidth_buckets
from proxy.snapshot import Limits

if TYPE_CHECKING:
    from proxy.net.listeners import ListenerService


EXPLAINED_AT_ONCE = 32
"""How many connections over a small limit get an answer at a time; others are reset."""


class Allowance:
    """The limits of one load balancer in one worker; its services share them."""

    def __init__(
        self,
        limits: Limits,
        wheel: DeadlineWheel,
        ledger: Ledger | None = None,
        row: int | None = None,
    ) -> None:
        self.limits = limits
        self.row = row
        self.services: set[ListenerService] = set()
        self._wheel = wheel
        new, requests = None, None
        self._open: Cell | None = None
        if ledger is not None and row is not None:
            self._open = ledger.cell(row, OPEN)
            new, requests = ledger.cell(row, NEW_CONNECTIONS), ledger.cell(row, REQUESTS)
        self._new = self._bucket(limits.connections_per_s, new)
        self._requests = self._bucket(limits.requests_per_s, requests)
        mbps = limits.bandwidth_mbps
        # None: the listeners have no bandwidth to share.
        self.bandwidth: Buckets | None = (
            bandwidth_buckets(mbps, wheel, ledger, row) if mbps is not None else None
        )

    def refusal(self) -> Reason | None:
        """Return why a connection that has just come must not be served, or None when it may."""
        most = self.limits.connections
        if most is not None and self.count_open() >= most:
            return Reason.TOO_MANY_CONNECTIONS
        if self._new is not None and not self._new.take(self._wheel.now):
            return Reason.TOO_MANY_NEW_CONNECTIONS
        return None

    def may_explain(self) -> bool:
        """Tell whether one connection more may stay for a moment to hear why it is not served."""
        most = self.limits.connections or 0
        return self.count_open() < most + max(EXPLAINED_AT_ONCE, most // 16)

    def takes_request(self) -> bool:
        """Count a request and tell whether it may be served."""
        return self._requests is None or self._requests.take(self._wheel.now)

    def count_open(self) -> int:
        """Return the open connections here, and those of other workers as they last told."""
        here = sum(len(service.connections) for service in self.services)
        if self._open is None:
            return here
        self._open.set(here)
        return self._open.total()

    def _bucket(self, rate: int | None, meter: Meter | None) -> Bucket | None:
        return None if rate is None else Bucket(rate, self._wheel.now, meter)

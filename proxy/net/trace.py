"""What is known of a piece of work, from its begin to its end, for the metrics and the access log.

Whoever carries the work notes here what happens. Simple requests have no trace: the short way of
them writes its lines itself.
"""

import time
from enum import StrEnum
from typing import TYPE_CHECKING

from proxy.core.reasons import ChosenBy, Reason

if TYPE_CHECKING:
    from proxy.core.health import Target
    from proxy.core.http.events import RequestHead
    from proxy.core.route import Route
    from proxy.net.http_client import HttpClient


class End(StrEnum):
    """How a request, connection or session ended, as the access log says it."""

    COMPLETE = "complete"
    CLIENT_CLOSED = "client_closed"
    SERVER_CUT = "server_cut"
    PEER_RESET = "peer_reset"
    TIMED_OUT = "timed_out"
    PROXY_CUT = "proxy_cut"


class WorkTrace:
    """A request, connection or session. ``chosen_by`` None: as the route chooses its servers.

    What chooses otherwise, such as a cookie, says so there before the attempt begins.
    """

    __slots__ = (
        "_asked_at",
        "_attempts",
        "chosen_by",
        "connect_s",
        "reason",
        "route",
        "started_at",
        "target",
    )

    def __init__(self, route: "Route") -> None:
        self.started_at = time.monotonic()
        self.route = route
        self.target: Target | None = None
        self.chosen_by: ChosenBy | None = None
        self.reason: Reason | None = None
        self.connect_s: float | None = None  # of the last attempt, when it reached its server
        self._asked_at = 0.0
        self._attempts = 0

    @property
    def retries(self) -> int:
        """Return how often it had to be tried again."""
        return max(0, self._attempts - 1)

    @property
    def is_retry(self) -> bool:
        """Tell whether this is not the first attempt."""
        return self._attempts > 1

    def begin_attempt(self, route: "Route", target: "Target") -> None:
        """The work is to go to this server now."""
        if self._attempts:
            is_same = target is self.target
            self.chosen_by = ChosenBy.SAME_SERVER if is_same else ChosenBy.NEXT_SERVER
        self._attempts += 1
        self.route = route
        self.target = target
        self.connect_s = None
        self._asked_at = time.monotonic()

    def reach(self) -> None:
        """The server has a connection for the work."""
        self.connect_s = time.monotonic() - self._asked_at


class LinkTrace(WorkTrace):
    """A TCP connection or a UDP session; there is one only while the access log is on."""

    __slots__ = ("bytes_in", "bytes_out", "packets_in", "packets_out")

    def __init__(self, route: "Route") -> None:
        super().__init__(route)
        self.bytes_in = 0
        self.bytes_out = 0
        self.packets_in = 0
        self.packets_out = 0


class RequestTrace(WorkTrace):
    """One request of the ordinary way; ended once: counted, and written to the access log."""

    __slots__ = (
        "_answered_at",
        "_client",
        "_delivered_before",
        "_is_over",
        "bytes_in",
        "cut_by",
        "detail",
        "head",
        "request_id",
        "status",
    )

    def __init__(self, client: "HttpClient", head: "RequestHead | None", request_id: bytes) -> None:
        super().__init__(client.service.plan.route)
        self._client = client
        self._delivered_before = client.delivered
        self._answered_at: float | None = None
        self._is_over = False
        self.head = head
        self.request_id = request_id
        self.bytes_in = 0
        self.status = 0
        self.detail: str | None = None
        self.cut_by: End | None = None

    @property
    def bytes_out(self) -> int:
        """Return how much of an answer the client was sent."""
        return self._client.delivered - self._delivered_before

    @property
    def first_byte_s(self) -> float | None:
        """Return when the server's answer began; None when no server answered."""
        return None if self._answered_at is None else self._answered_at - self.started_at

    def begin_answer(self, status: int) -> None:
        """The server's answer begins."""
        self.status = status
        self._answered_at = time.monotonic()

    def answer(self, status: int, reason: Reason) -> None:
        """The proxy answers in the server's place."""
        self.status = status
        self.reason = reason

    def _count_time(self, took_s: float) -> None:
        counters = self._client.service.counters
        counters.count_time(took_s)
        if self.target is not None and self.reason is None:
            of_server = counters.servers.get(self.target.server_id)
            if of_server is not None:
                of_server.time_s += took_s

    def end(self, how: End) -> None:
        """The request is over."""
        if self._is_over:
            return
        self._is_over = True
        service = self._client.service
        counters = service.counters
        counters.retries += self.retries
        if self.route.rule is not None:
            counters.count_rule(self.route.rule)
        if self.head is not None and self.status >= 200:  # a tunnel takes as long as its peers like
            self._count_time(time.monotonic() - self.started_at)
        if service.access_log is not None:
            service.access_log.add_request(self, service.plan, self._client.log_part, how)

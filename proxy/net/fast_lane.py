"""The short way of a simple request: no object is made for it, and four system calls carry it.

Every client connection has one lane, which stands in for the ``Exchange`` of the client as long as
all goes well: an idle server connection is at hand and takes the request, the client sends nothing
meanwhile, and the response is simple and comes whole. At the first sign of anything else the lane
hands over to an ``Exchange`` that goes on from the same place; the rules for whatever can go wrong
are there alone.
"""

from time import monotonic
from typing import TYPE_CHECKING, NoReturn

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.health import Target
from proxy.core.http.simple import REQUEST_BYTES, RESPONSE_BYTES, SimpleBlock, SimpleRequests
from proxy.net.access_log import AccessLog, place_of
from proxy.net.connection import READ
from proxy.net.dates import date_line
from proxy.net.exchange import Exchange
from proxy.net.request_ids import new_request_id
from proxy.net.trace import RequestTrace

if TYPE_CHECKING:
    from proxy.core.generation import ListenerPlan
    from proxy.core.route import Route
    from proxy.net.http_client import HttpClient
    from proxy.net.metrics import ServerCounters
    from proxy.net.splice import Pipe
    from proxy.net.upstream import Upstream


class FastLane:
    """The simple requests of one client connection, one after the other."""

    __slots__ = (
        "_block",
        "_client",
        "_first",
        "_keep_alive",
        "_line",
        "_request",
        "_request_id",
        "_requests",
        "_route",
        "_server",
        "_started_at",
        "_target",
        "_upstream",
        "_via",
    )

    wants_body = False
    """A simple request has no body."""
    unseen = 0
    """Whatever the client sends is looked at."""

    def __init__(self, client: "HttpClient", requests: SimpleRequests) -> None:
        self._client = client
        self._requests = requests
        self._via = client.peer_text + b"\r\nX-Request-Id: "
        self._request = b""
        self._request_id = b""
        self._line = b""
        self._first = b""
        self._block: SimpleBlock | None = None
        self._started_at = 0.0
        self._keep_alive = True
        self._upstream: Upstream | None = None
        self._target: Target | None = None
        self._route: Route | None = None
        self._server: ServerCounters | None = None

    # --- the request -----------------------------------------------------------------------------

    def receive(self) -> None:
        """Take what an idle client sent: as a simple request, or else the ordinary way."""
        client = self._client
        try:
            data = client.source.recv(REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            client.abort()
            return
        plan = client.service.plan
        simple = self._requests.read(data)
        if simple is None or not plan.is_simple:
            client.take(data)
            return
        allowance = client.service.allowance
        if allowance is not None and not allowance.takes_request():
            client.take(data)  # it is asked once more there, and gets its answer
            return
        self._started_at = monotonic()
        self._line, self._block = line, block = simple
        self._request = data
        self._request_id = request_id = block.request_id or new_request_id()
        self._keep_alive = block.keep_alive
        self._first = b"".join((line, block.lines, self._via, request_id, b"\r\n\r\n"))
        client.begin_simple(self, len(data))
        self._begin(plan)

    def _begin(self, plan: "ListenerPlan") -> None:
        service = self._client.service
        target = plan.route.pick(service.availability, service.reactor.deadlines.now)
        if not isinstance(target, Target):
            self._leave().begin(target)
            return
        upstream = service.upstreams.take_idle((target.address, target.port), self)
        if upstream is None:
            self._leave().begin(target)
            return
        self._upstream = upstream
        self._target = target
        self._route = plan.route
        self._server = server = service.counters.server(target.server_id)
        server.active += 1
        plan.begin_work(target)
        try:
            upstream.send(self._first)
        except OSError:
            # The server closed it; the request may still go to the same one.
            self.cancel()
            self._leave().begin(target)
        else:
            server.requests += 1
            server.bytes_in += len(self._request)

    def _leave(self) -> Exchange:
        """Return an exchange for the same request, which takes the lane's place."""
        client = self._client
        exchange = Exchange(client, self._requests.head_of(self._request), self._request_id)
        exchange.trace.started_at = self._started_at
        exchange.trace.bytes_in = len(self._request)
        client.hand_over(exchange)
        return exchange

    @property
    def trace(self) -> RequestTrace:
        """Return what is known of the request, for when it ends here without an answer."""
        head = self._requests.head_of(self._request)
        trace = RequestTrace(self._client, head, self._request_id)
        trace.started_at = self._started_at
        trace.bytes_in = len(self._request)
        if self._route is not None and self._target is not None:
            trace.begin_attempt(self._route, self._target)
            trace.reach()
        return trace

    # --- the response ----------------------------------------------------------------------------

    def on_upstream_event(self, mask: int) -> None:
        """Pass the response on when it is simple; anything else is an exchange's business."""
        upstream, client = self._upstream, self._client
        assert upstream is not None
        if mask != READ or upstream.unsent or client.is_disturbed:
            self._hand_over().on_upstream_event(mask)
            return
        try:
            data = upstream.sock.recv(RESPONSE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._hand_over().on_server_end(is_clean=False)
            return
        simple = upstream.pool.responses.read(data)
        if simple is None:
            self._hand_over().take(data)
            return
        response, body = simple
        self._upstream = None
        server = self._end_server()
        size, self._request, self._first = len(self._request), b"", b""
        upstream.pool.release(upstream)
        keep_alive = self._keep_alive
        lines = response.lines if keep_alive else response.closing_lines
        if response.has_date:
            answer = b"".join((lines, self._request_id, body))
        else:
            answer = b"".join((lines, self._request_id, b"\r\n", date_line()[:-2], body))
        is_delivered = client.complete(response.status, answer, keep_alive=keep_alive)
        now = monotonic()
        service, took_s, status = client.service, now - self._started_at, response.status
        service.counters.count_time(took_s)
        server.bytes_out += len(answer)
        server.time_s += took_s
        if 200 <= status < 300:
            server.status_2xx += 1
        else:
            server.count_response(status)
        if service.access_log is not None:
            self._log(service.access_log, now, status, size, len(answer), is_delivered)
        # An idle connection keeps nothing of its last request in memory.
        self._line = self._request_id = b""

    def _log(
        self, log: AccessLog, now: float, status: int, size: int, sent: int, is_delivered: bool
    ) -> None:
        client, route, target = self._client, self._route, self._target
        assert route is not None
        assert target is not None
        assert self._block is not None
        log.add_simple(
            (
                now,
                route.log_parts.get(target.server_id)
                or place_of(client.service.plan, route, target),
                client.log_part,
                self._line,
                self._block.host_text,
                status,
                size,
                sent,
                now - self._started_at,
                self._request_id,
                is_delivered,
            )
        )

    def _hand_over(self) -> Exchange:
        """Return an exchange that goes on with the request that the server has got."""
        upstream, self._upstream = self._upstream, None
        assert upstream is not None
        assert self._route is not None
        assert self._target is not None
        exchange = self._leave()
        exchange.resume(upstream, self._route, self._target, self._first)
        return exchange

    # --- what the client asks of its exchange ----------------------------------------------------

    def on_deadline(self) -> None:
        """The server takes too long."""
        self._hand_over().on_deadline()

    def on_client_end(self) -> None:
        """The client will send nothing more, and still gets its answer."""

    def on_client_drained(self) -> None:
        """Nothing waits for the client before its response."""

    def release_removed(self) -> None:
        """A request finishes where it is."""

    def relay_request(self, data: memoryview) -> NoReturn:
        """There is no body to relay."""
        raise RemoteProtocolError("a simple request has no body")

    def relay_request_pipe(self, pipe: "Pipe") -> NoReturn:
        """There is no body to relay."""
        raise RemoteProtocolError("a simple request has no body")

    def on_upstream_aborted(self) -> None:
        """The server's connection was given up: nothing sensible can follow."""
        self._client.abort()

    def cancel(self) -> None:
        """The client is gone, or the server's connection is no good: give up."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.owner = None
            upstream.close()
            self._end_server()

    def _end_server(self) -> "ServerCounters":
        server = self._server
        assert server is not None
        server.active -= 1
        assert self._target is not None
        self._client.service.plan.end_work(self._target)
        return server

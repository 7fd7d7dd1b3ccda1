"""One request and its response: choose a server, reach it, relay both ways, give the rest back.

The rules that decide what happens when a server fails (RFC 9110 section 9.2.2):

- no connection: the next server is tried, for every method, since nothing was sent
- a kept connection turns out dead before the first byte of a response: once more on a new
  connection, when the method is idempotent and the request is still in our hands, or when the
  kernel had taken none of it
- anything later: 502, or a reset of the client's connection when its response has begun

A response may begin, and even end, while the request's body is still being sent. It then says
``Connection: close``, because the rest of that body will not be read as a request.
"""

import errno
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from proxy.core.exceptions import RemoteProtocolError
from proxy.core.forwarding import is_offered, upgrade_lines
from proxy.core.http.bodies import Body, UntilCloseBody, body_of
from proxy.core.http.delivery import plan_delivery
from proxy.core.http.events import RequestHead, ResponseHead
from proxy.core.http.pace import Pace
from proxy.core.http.writer import (
    connection_line,
    write_interim_head,
    write_request_head,
    write_response_head,
)
from proxy.core.reasons import ChosenBy, Reason
from proxy.core.stickiness import Session, Stickiness
from proxy.net.connection import READ, WRITE
from proxy.net.dates import date_line
from proxy.net.splice import LARGE_BYTES, LARGE_READS, Pipe
from proxy.net.trace import End, RequestTrace

if TYPE_CHECKING:
    from proxy.core.generation import ListenerPlan
    from proxy.core.health import Target
    from proxy.core.route import Route
    from proxy.net.http_client import HttpClient
    from proxy.net.metrics import ServerCounters
    from proxy.net.upstream import Upstream

MAX_ATTEMPTS = 8
"""How many servers one request may try."""
MAX_INTERIM_RESPONSES = 32

_NO_SESSION = Session()
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
# Our own shortages say nothing about the server.
_OWN_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


class Exchange:
    """One request of a client on its way to a server and back."""

    __slots__ = (
        "_attempts",
        "_begun",
        "_body",
        "_client",
        "_failure",
        "_first",
        "_head",
        "_interims",
        "_is_retried",
        "_is_reusable",
        "_is_tunnel",
        "_large_parts",
        "_large_reads",
        "_pace",
        "_request_id",
        "_response_body",
        "_server",
        "_server_takes_body",
        "_session",
        "_stays_open",
        "_stickiness",
        "_target",
        "_tried",
        "_upstream",
        "trace",
    )

    def __init__(self, client: "HttpClient", head: RequestHead, request_id: bytes) -> None:
        self._client = client
        self.trace = RequestTrace(client, head, request_id)
        self._head = head
        self._request_id = request_id
        self._first = b""  # head and first part of the body, as long as they can be sent again
        self._body: Body | None = None  # None: the request is complete
        self._pace: Pace | None = None  # of the request's body; a tunnel has none
        self._response_body: Body | None = None
        self._upstream: Upstream | None = None
        self._target: Target | None = None
        self._server: ServerCounters | None = None
        self._tried: tuple[Target, ...] = ()
        self._failure: Reason | None = None
        self._attempts = 0
        self._interims = 0
        self._large_parts = 0  # of the request's body, in a row
        self._large_reads = 0  # of the response's body, in a row
        self._begun = False
        self._is_retried = False
        self._is_reusable = False
        self._is_tunnel = False
        self._server_takes_body = True
        self._stays_open = False
        self._stickiness: Stickiness | None = None
        self._session = _NO_SESSION

    # --- the way to a server ---------------------------------------------------------------------

    def begin(self, choice: "Target | Reason | None" = None) -> None:
        """Take what is here of the body and try to reach a server, first the one chosen."""
        client = self._client
        plan = client.service.plan
        if not plan.is_simple:
            self._read_session(plan)
        head = self._head
        first = write_request_head(
            head,
            peer=client.peer_text,
            request_id=self._request_id,
            append_forwarded_for=plan.listener.forwarded_for,
            default_host=b"" if head.is_http_11 else client.own_address,
            added=plan.added_fields,
            client_port=client.peer[1],
        )
        if head.length:
            self._body = body_of(head.length, limits=client.limits)
            self._pace = Pace(client.limits, client.reactor.deadlines.now)
            try:
                first += self._take_body_from_reader()
            except RemoteProtocolError as error:
                client.refuse(error)
                return
        self._first = first
        self._try_next_server(choice)

    def resume(self, upstream: "Upstream", route: "Route", target: "Target", first: bytes) -> None:
        """Go on with a request that an idle connection to the server has taken."""
        self._attempts = 1
        self.trace.begin_attempt(route, target)
        self.trace.reach()
        self._target = target
        self._server = self._client.service.counters.server(target.server_id)
        self._first = first
        self._upstream = upstream
        upstream.owner = self

    def _read_session(self, plan: "ListenerPlan") -> None:
        """Find out whose the session is; servers do not see what names them."""
        stickiness = plan.route_for(self._head).stickiness
        if stickiness is not None:
            self._stickiness = stickiness
            self._head, self._session = stickiness.read(self._head, time.time())

    def _take_body_from_reader(self) -> bytes:
        body, reader = self._body, self._client.reader
        assert body is not None
        rest = reader.take_rest()
        part = body.receive(memoryview(rest))
        reader.put_back(rest[part.consumed :])
        self.trace.bytes_in += part.consumed
        if body.done:
            self._body = None
        return b"".join(part.relay)

    def _try_next_server(self, choice: "Target | Reason | None" = None) -> None:
        service = self._client.service
        plan = service.plan
        while self._attempts < MAX_ATTEMPTS:
            target = choice or self._pick(plan)
            choice = None
            if isinstance(target, Reason):
                self._failure = self._failure or target
                break
            self._attempts += 1
            self._target = target
            self._server = service.counters.server(target.server_id)
            if self._reach(target, is_fresh=False):
                return
        self._fail(self._failure or Reason.CONNECT_FAILED)

    def _pick(self, plan: "ListenerPlan") -> "Target | Reason":
        """Return the session's server while it serves, else the next one of the request's route."""
        availability, now = self._client.service.availability, time.monotonic()
        if plan.is_simple:
            return plan.route.pick(availability, now, self._tried)
        self.trace.route = route = plan.route_for(self._head)
        if self._session.server is not None:
            target = route.find_available(self._session.server, availability, now)
            if target is not None and target not in self._tried:
                self.trace.chosen_by = ChosenBy.SESSION_COOKIE
                return target
        return route.pick(availability, now, self._tried)

    def _reach(self, target: "Target", *, is_fresh: bool) -> bool:
        """Begin to send to the server and return whether that is under way."""
        client = self._client
        self.trace.begin_attempt(self.trace.route, target)
        try:
            self._upstream = upstream = client.service.upstreams.acquire(
                target.address,
                target.port,
                self,
                is_fresh=is_fresh,
                is_checked=self._head.method not in _IDEMPOTENT,
            )
        except OSError as error:
            self._note_unreachable(Reason.CONNECT_FAILED, error)
            return False
        server = self._server
        assert server is not None
        server.active += 1
        server.retries += self.trace.is_retry
        client.service.plan.begin_work(target)
        if not upstream.was_idle:
            server.connections += 1
        if upstream.is_connecting:
            client.touch(client.service.plan.listener.connect_timeout_s)
            if self._body is not None:
                client.pause_reading()
            return True
        try:
            self._send_first(upstream)
        except OSError as error:
            self._drop_upstream()
            if upstream.was_idle:
                return self._reach(target, is_fresh=True)
            self._note_unreachable(Reason.CONNECT_FAILED, error)
            return False
        return True

    def _send_first(self, upstream: "Upstream") -> None:
        client = self._client
        self.trace.reach()
        client.touch(client.service.plan.listener.request_timeout_s)
        is_sent = upstream.send(self._first)
        assert self._server is not None
        self._server.requests += 1
        self._server.bytes_in += self.trace.bytes_in
        if self._body is not None:
            if is_sent:
                self._read_on()
            else:
                client.pause_reading()

    def _note_unreachable(self, reason: Reason, error: OSError | None) -> None:
        """Remember that the server could not be reached, and keep others away from it."""
        target, service = self._target, self._client.service
        assert target is not None
        self._failure = reason
        self._tried = (*self._tried, target)
        self._count_failure()
        if error is None or error.errno not in _OWN_SHORTAGES:
            service.availability.eject(target, time.monotonic())

    def _give_up_connecting(self, reason: Reason, error: OSError | None) -> None:
        self._drop_upstream()
        self._note_unreachable(reason, error)
        self._try_next_server()

    # --- events of the server --------------------------------------------------------------------

    def on_upstream_event(self, mask: int) -> None:
        """Handle readiness of the server's connection."""
        upstream = self._upstream
        assert upstream is not None
        if upstream.is_connecting:
            self._on_connected(upstream)
            return
        if mask & WRITE and upstream.unsent:
            self._flush(upstream)
        if not mask & ~WRITE or self._upstream is not upstream:
            return
        if upstream.is_reading:
            self._receive(upstream)
        elif mask & ~(READ | WRITE):
            upstream.stop_watching()

    def _on_connected(self, upstream: "Upstream") -> None:
        error = upstream.finish_connecting()
        if error is None:
            try:
                self._send_first(upstream)
            except OSError as send_error:
                error = send_error
        if error is not None:
            self._give_up_connecting(Reason.CONNECT_FAILED, error)

    def _flush(self, upstream: "Upstream") -> None:
        client = self._client
        try:
            is_empty = upstream.flush()
        except OSError:
            self._stop_sending_body(upstream)
            return
        client.touch(client.service.plan.listener.request_timeout_s)
        if is_empty and self._body is not None:
            self._read_on()

    def _receive(self, upstream: "Upstream") -> None:
        if self._large_reads >= LARGE_READS and self._receive_bulk(upstream):
            return
        reactor = upstream.reactor
        shaper = self._client.service.shaper
        most = shaper.outward.read_bytes if shaper is not None else 0  # 0: the whole buffer
        try:
            size = upstream.sock.recv_into(reactor.buffer, most)
        except BlockingIOError:
            return
        except OSError:
            self.on_server_end(is_clean=False)
            return
        self.take(reactor.view[:size])

    def take(self, data: bytes | memoryview) -> None:
        """Handle what the server sent; nothing means that it will send nothing more."""
        if not data:
            self.on_server_end(is_clean=True)
        elif self._begun:
            self._relay_response(memoryview(data))
        else:
            assert self._upstream is not None
            self._receive_head(self._upstream, data)

    def _receive_bulk(self, upstream: "Upstream") -> bool:
        """Let the kernel pass on a part of a large response, if it may and a pipe can be had."""
        body, client = self._response_body, self._client
        assert body is not None
        pipe = client.service.take_pipe() if body.unseen else None
        if pipe is None:
            return False
        try:
            size = pipe.fill(upstream.fd, body.unseen)
        except BlockingIOError:
            return True
        except OSError:
            self.on_server_end(is_clean=False)
            return True
        if size:
            self._relay_response_pipe(body, pipe)
        else:
            self.on_server_end(is_clean=True)
        return True

    def on_server_end(self, *, is_clean: bool) -> None:
        """The server will send nothing more."""
        if not self._begun:
            self._on_unanswered()
        elif not is_clean or not self._end_response():
            self._count_failure()
            self._cut(End.SERVER_CUT)

    def _end_response(self) -> bool:
        """Finish a response that ends with its connection; return False when it is cut."""
        assert self._response_body is not None
        last = self._response_body.end()
        if last is None:
            return False
        if not last or self._deliver(last):
            self._finish()
        return True

    def _on_unanswered(self) -> None:
        """The server closed before its response was there: perhaps try again, else 502."""
        upstream, target = self._upstream, self._target
        assert upstream is not None
        assert target is not None
        may_retry = (
            upstream.was_idle
            and not self._is_retried
            and not self._interims
            and not upstream.reader.has_input
            and bool(self._first)
            and self._head.method in _IDEMPOTENT
        )
        was_silent = not upstream.reader.has_input
        self._drop_upstream()
        self._count_failure()
        if not may_retry:
            self._fail(Reason.UPSTREAM_CLOSED if was_silent else Reason.BAD_RESPONSE)
            return
        self._is_retried = True
        if not self._reach(target, is_fresh=True):
            self._try_next_server()

    # --- the request's body ----------------------------------------------------------------------

    @property
    def wants_body(self) -> bool:
        """Return whether the client's next bytes belong to this request."""
        return self._body is not None

    def relay_request(self, data: memoryview) -> None:
        """Pass on a part of the request's body; what follows the body is the next request's."""
        body, client, upstream = self._body, self._client, self._upstream
        assert body is not None
        assert upstream is not None
        try:
            part = body.receive(data)
        except RemoteProtocolError as error:
            self._refuse(error)
            return
        self._note_body(part.consumed)
        if part.consumed < len(data):
            client.reader.receive(data[part.consumed :])
        if body.done:
            self._body = None
        if not self._keeps_pace(len(data)):
            return
        relay = part.relay
        if relay:
            self._note_part(len(data))
            self._send_body(upstream, relay[0] if len(relay) == 1 else b"".join(relay))

    @property
    def unseen(self) -> int:
        """Return how many of the client's next bytes are best passed on by the kernel."""
        body = self._body
        return body.unseen if body is not None and self._large_parts >= LARGE_READS else 0

    def relay_request_pipe(self, pipe: Pipe) -> None:
        """Pass on a part of the request's body that nobody has to look at."""
        body, upstream = self._body, self._upstream
        assert body is not None
        assert upstream is not None
        body.pass_unseen(len(pipe))
        self._note_body(len(pipe))
        if body.done:
            self._body = None
        if self._keeps_pace(len(pipe)):
            self._note_part(len(pipe))
            self._send_body(upstream, pipe)
        else:
            pipe.clear()

    def _keeps_pace(self, size: int) -> bool:
        """Take note of so much of the body, and refuse it when it comes too slowly."""
        if self._body is None or self._pace is None:
            return True
        if self._pace.keeps_up(size, self._client.reactor.deadlines.now):
            return True
        self._refuse(RemoteProtocolError("the request's body comes too slowly", 408))
        return False

    def _note_body(self, size: int) -> None:
        """So much of the request's body is on its way to the server."""
        assert self._server is not None
        self._server.bytes_in += size
        self.trace.bytes_in += size

    def _note_part(self, size: int) -> None:
        """A part of the body goes on: the request cannot be sent again."""
        self._first = b""
        self._large_parts = self._large_parts + 1 if size >= LARGE_BYTES else 0
        self._client.touch(self._client.service.plan.listener.request_timeout_s)

    def _read_on(self) -> None:
        """Read the request's body again; what it took until now was not the client's doing."""
        client = self._client
        client.resume_reading()
        if self._pace is not None:
            self._pace.restart(client.reactor.deadlines.now)

    def _send_body(self, upstream: "Upstream", part: bytes | memoryview | Pipe) -> None:
        try:
            is_sent = upstream.send_pipe(part) if isinstance(part, Pipe) else upstream.send(part)
        except OSError:
            self._stop_sending_body(upstream)
            return
        if not is_sent and self._body is not None:
            self._client.pause_reading()

    def _stop_sending_body(self, upstream: "Upstream") -> None:
        """The server takes no more of the request; it may have answered before it closed."""
        self._server_takes_body = False
        upstream.drop_unsent()
        self._client.pause_reading()
        if upstream.is_reading:
            self._receive(upstream)

    def _refuse(self, error: RemoteProtocolError) -> None:
        """The request's body is malformed: the server sees it cut, the client an error."""
        self._drop_upstream()
        if self._begun:
            self._cut(End.PROXY_CUT)
        else:
            self._client.refuse(error, has_body=self._head.method != b"HEAD")

    def on_client_end(self) -> None:
        """The client will send nothing more."""
        if self._is_tunnel:
            assert self._upstream is not None
            self._body = None
            self._upstream.shut_down_after_unsent()
        elif self._body is not None:
            self._refuse(RemoteProtocolError("the request's body is incomplete"))

    # --- the response ----------------------------------------------------------------------------

    def _receive_head(self, upstream: "Upstream", data: bytes | memoryview) -> None:
        reader = upstream.reader
        try:
            reader.receive(data)
            head = reader.next_head()
            while head is not None and head.status < 200 and head.status != 101:
                self._relay_interim(head)
                head = reader.next_head()
            if head is None:
                return
            if head.status == 101:
                self._begin_tunnel(upstream, head)
            else:
                self._begin_response(upstream, head)
        except RemoteProtocolError:
            self._drop_upstream()
            self._count_failure()
            self._fail(Reason.BAD_RESPONSE)

    def _relay_interim(self, head: ResponseHead) -> None:
        self._interims += 1
        if self._interims > MAX_INTERIM_RESPONSES:
            raise RemoteProtocolError("too many interim responses")
        if self._head.is_http_11:
            self._client.expect_more()
            self._deliver(write_interim_head(head))

    def _begin_response(self, upstream: "Upstream", head: ResponseHead) -> None:
        """Send the response's head together with what is here of its body."""
        request, client = self._head, self._client
        rest = upstream.reader.take_rest()
        gzip = client.service.plan.listener.gzip
        delivery = plan_delivery(request, head, rest, gzip=gzip, limits=client.limits)
        self._is_reusable = head.keep_alive and delivery.consumed == len(rest)
        self._stays_open = (
            request.keep_alive
            and self._body is None
            and not delivery.ends_with_connection
            and client.may_stay_open
        )
        connection = self._connection_line(head)
        self._begin_relaying(
            delivery.head, delivery.framing_line, connection, delivery.body, delivery.relay
        )

    def _begin_relaying(
        self,
        head: ResponseHead,
        framing_line: bytes,
        connection: bytes,
        body: Body,
        relay: Sequence[bytes | memoryview],
    ) -> None:
        client = self._client
        if self._stickiness is not None:
            assert self._target is not None
            server = self._target.server_id
            head = self._stickiness.mark(head, self._session, server, time.time())
        self._begun = True
        self.trace.begin_answer(head.status)
        self._first = b""
        self._response_body = body
        if not body.done:
            client.expect_more()
        client.service.counters.count_response(head.status)
        assert self._server is not None
        self._server.count_response(head.status)
        data = write_response_head(
            head,
            framing_line=framing_line,
            connection_line=connection,
            request_id=self._request_id,
            date_line=b"" if head.fields.has_date else date_line(),
        )
        if self._deliver(b"".join((data, *relay)) if relay else data):
            self._go_on(body)

    def _connection_line(self, head: ResponseHead) -> bytes:
        if head.status == 426 and head.fields.upgrade:
            close = b"" if self._stays_open else b"Connection: close\r\n"
            return close + upgrade_lines(head.fields.upgrade)
        return connection_line(keep_alive=self._stays_open, is_http_11=self._head.is_http_11)

    def _begin_tunnel(self, upstream: "Upstream", head: ResponseHead) -> None:
        """Both sides leave HTTP: from here on bytes are passed on as they come."""
        client = self._client
        if not (
            self._head.is_http_11 and is_offered(head.fields.upgrade, self._head.fields.upgrade)
        ):
            raise RemoteProtocolError("101 without an upgrade that was asked for")
        self._is_tunnel = True
        self._body = UntilCloseBody()
        rest = upstream.reader.take_rest()
        relay: list[bytes | memoryview] = [rest] if rest else []
        connection = upgrade_lines(head.fields.upgrade or self._head.fields.upgrade)
        self._begin_relaying(head, b"", connection, UntilCloseBody(), relay)
        if client.is_open:
            early = client.reader.take_rest()
            client.resume_reading()
            if early:
                self._send_body(upstream, early)

    def _relay_response(self, data: memoryview) -> None:
        """Pass on a part of the response's body."""
        body = self._response_body
        assert body is not None
        try:
            part = body.receive(data)
        except RemoteProtocolError:
            self._count_failure()
            self._cut(End.SERVER_CUT)
            return
        self._note_read(len(data))
        if part.consumed < len(data):
            self._is_reusable = False
        relay = part.relay
        if relay and not self._deliver(relay[0] if len(relay) == 1 else b"".join(relay)):
            return
        self._go_on(body)

    def _relay_response_pipe(self, body: Body, pipe: Pipe) -> None:
        """Pass on a part of the response's body that nobody has to look at."""
        upstream = self._upstream
        assert upstream is not None
        self._note_read(len(pipe))
        body.pass_unseen(len(pipe))
        if body.done and self._is_reusable:
            # What the server said beyond the body was not taken, and must never be an answer.
            self._is_reusable = not upstream.is_stale()
        assert self._server is not None
        self._server.bytes_out += len(pipe)
        if self._client.deliver_pipe(pipe):
            self._go_on(body)

    def _deliver(self, data: bytes | memoryview) -> bool:
        """Send what is the server's answer and return whether the client is still there."""
        assert self._server is not None
        self._server.bytes_out += len(data)
        return self._client.deliver(data)

    def _note_read(self, size: int) -> None:
        self._large_reads = self._large_reads + 1 if size >= LARGE_BYTES else 0
        self._client.touch(self._client.service.plan.listener.request_timeout_s)

    def _go_on(self, body: Body) -> None:
        """Finish when the response is complete; wait while the client does not keep up."""
        if body.done:
            self._finish()
        elif self._upstream is not None:
            if self._client.unsent:
                self._upstream.pause_reading()
            shaper = self._client.service.shaper
            if shaper is not None and shaper.outward.is_spent():
                shaper.outward.hold(self._upstream)

    def on_client_drained(self) -> None:
        """The client has taken all that was waiting for it."""
        if self._upstream is not None and not self._upstream.is_connecting:
            self._upstream.resume_reading()

    # --- the end ---------------------------------------------------------------------------------

    def _finish(self) -> None:
        client, upstream = self._client, self._upstream
        assert upstream is not None
        is_complete = self._body is None and self._server_takes_body and not self._is_tunnel
        if self._is_reusable and is_complete and not upstream.unsent:
            self._upstream = None
            self._end_server()
            client.service.upstreams.release(upstream)
        else:
            self._drop_upstream()
        # A client that asked for the end itself hardly ever sends more.
        lingers = self._head.keep_alive or not is_complete
        client.finish(stays_open=self._stays_open, lingers=lingers)

    def on_deadline(self) -> None:
        """Nothing has happened for as long as it may."""
        upstream = self._upstream
        assert upstream is not None
        if upstream.is_held:
            return
        if upstream.is_connecting:
            self._give_up_connecting(Reason.UPSTREAM_TIMEOUT, None)
        elif self._begun:
            self._cut(End.TIMED_OUT)
        elif self._body is not None and self._server_takes_body and not upstream.unsent:
            self._refuse(RemoteProtocolError("the request's body took too long", 408))
        else:
            self._drop_upstream()
            self._count_failure()
            self._fail(Reason.UPSTREAM_TIMEOUT)

    def _fail(self, reason: Reason) -> None:
        """Answer in the server's place."""
        client, head = self._client, self._head
        stays_open = head.keep_alive and self._body is None and client.may_stay_open
        client.answer(
            _STATUS_OF.get(reason, 503),
            reason,
            self.trace,
            stays_open=stays_open,
            is_http_11=head.is_http_11,
            has_body=head.method != b"HEAD",
        )
        client.finish(stays_open=stays_open)

    def release_removed(self) -> None:
        """End a tunnel whose server has left the plan; a request finishes where it is."""
        target = self._target
        if self._is_tunnel and target and not self._client.service.plan.reaches(target):
            self._finish()

    def on_upstream_aborted(self) -> None:
        """The server's connection was given up: nothing sensible can follow."""
        self._client.abort()

    def cancel(self) -> None:
        """The client is gone: give up."""
        self._drop_upstream()

    def _cut(self, how: End) -> None:
        """End the client's connection in the middle of its response."""
        self.trace.cut_by = how
        self._client.abort()

    def _drop_upstream(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.owner = None
            upstream.close()
            self._end_server()

    def _end_server(self) -> None:
        assert self._server is not None
        assert self._target is not None
        self._server.active -= 1
        self._client.service.plan.end_work(self._target)

    def _count_failure(self) -> None:
        assert self._server is not None
        self._server.failures += 1


_STATUS_OF = {
    Reason.CONNECT_FAILED: 502,
    Reason.BAD_RESPONSE: 502,
    Reason.UPSTREAM_CLOSED: 502,
    Reason.UPSTREAM_TIMEOUT: 504,
}

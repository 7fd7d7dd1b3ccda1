"""One client connection: its requests in order, one exchange at a time, and how it ends.

The connection reads heads and owns everything that the client sees; an ``Exchange`` owns one
request and its way to a server. Requests that a client sends ahead wait in the reader, up to a
bound, and are answered in order.

How a connection ends matters (RFC 9112 section 9.6): after an answer that the client may not have
expected we stop sending, read on for a moment and only then close, since closing with unread input
makes the kernel reset the connection and the answer may be lost. A response that was cut is ended
with a reset, so that nobody takes it for the whole.
"""

import contextlib
import socket
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

from proxy.core.access_line import client_part
from proxy.core.exceptions import RemoteProtocolError
from proxy.core.http.events import RequestFields, RequestHead
from proxy.core.http.headers import BlockMemo
from proxy.core.http.limits import HttpLimits
from proxy.core.http.request_reader import RequestReader, request_memo
from proxy.core.http.simple import SimpleRequests
from proxy.core.http.writer import connection_line, write_own_answer
from proxy.core.own_answers import OwnAnswer, own_answer
from proxy.core.reasons import Reason
from proxy.core.targets import Place
from proxy.net.connection import READ, WRITE, Connection
from proxy.net.dates import date_line
from proxy.net.exchange import Exchange
from proxy.net.fast_lane import FastLane
from proxy.net.request_ids import new_request_id
from proxy.net.splice import Pipe
from proxy.net.trace import End, RequestTrace

if TYPE_CHECKING:
    from proxy.net.listeners import ListenerService
    from proxy.net.reactor import Reactor
    from proxy.net.tls_session import TlsSession

RETRY_SOON = b"Retry-After: 1\r\n"
"""What a limit of so much a second forbids may be allowed a second later."""


@lru_cache(maxsize=1)
def _shared_memo(limits: HttpLimits) -> BlockMemo[RequestFields]:
    return request_memo(limits)


@lru_cache(maxsize=1)
def _shared_simple_requests(limits: HttpLimits) -> SimpleRequests:
    return SimpleRequests(_shared_memo(limits), limits)


class HttpClient(Connection):
    """A client of an HTTP listener; one of an HTTPS listener is a ``TlsClient`` besides."""

    __slots__ = (
        "_deadline",
        "_exchange",
        "_has_ended",
        "_is_advancing",
        "_is_at_rest",
        "_is_hurried",
        "_is_lingering",
        "_lane",
        "_lingers",
        "_lingers_until",
        "_saw_end",
        "_stops",
        "_waits_for_head",
        "delivered",
        "is_disturbed",
        "limits",
        "log_part",
        "peer",
        "peer_text",
        "reader",
        "service",
        "source",
    )

    def __init__(
        self,
        reactor: "Reactor",
        sock: socket.socket,
        peer: tuple[str, int],
        service: "ListenerService",
    ) -> None:
        self.service = service
        # Where the client's bytes come from: the socket, or the encryption over it.
        self.source: socket.socket | TlsSession = sock
        self.peer = peer
        self.peer_text = peer[0].encode("ascii")
        self.log_part = client_part(peer) if service.access_log is not None else b""
        self.delivered = 0
        self.limits = limits = service.upstreams.limits
        self.reader = RequestReader(_shared_memo(limits), limits)
        self._exchange: Exchange | FastLane | None = None
        self._lane = FastLane(self, _shared_simple_requests(limits))
        # Nothing is in flight, buffered or waiting to be sent: whatever comes begins a request.
        self._is_at_rest = True
        # The client sent more, ended or is to be closed while a request is in flight.
        self.is_disturbed = False
        self._is_advancing = False
        self._waits_for_head = False
        self._saw_end = False
        self._stops = False
        self._has_ended = False
        self._lingers = True
        self._lingers_until = 0.0
        self._is_lingering = False
        self._is_hurried = False
        super().__init__(reactor, sock, READ)
        self._deadline = reactor.deadlines.schedule(
            service.plan.listener.idle_timeout_s, self._on_deadline
        )
        service.connections.add(self)

    # --- events ----------------------------------------------------------------------------------

    def on_event(self, mask: int) -> None:
        """Send what is waiting, then take what the client sent."""
        if self._is_at_rest and mask == READ:
            self._lane.receive()
            return
        if mask & WRITE and self.unsent:
            self._flush()
        if mask & ~WRITE and self.is_open:
            if self.is_reading:
                self._receive()
            elif mask & ~(READ | WRITE):
                # Not reading, and yet told of an error or hang-up: the client is gone for good.
                self.abort()

    def _flush(self) -> None:
        try:
            is_empty = self.flush()
        except OSError:
            self.abort()
            return
        self.touch(self.service.plan.listener.request_timeout_s)
        if not is_empty:
            return
        if self._has_ended:
            self._end()
        elif self._exchange is not None:
            self._exchange.on_client_drained()
        else:
            self._advance()

    def _receive(self) -> None:
        if self._receive_bulk():
            return
        reactor = self.reactor
        shaper = self.service.shaper
        buffer = reactor.buffer if shaper is None else reactor.view[: shaper.inward.read_bytes]
        try:
            size = self.source.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        self.take(reactor.view[:size])

    def _receive_bulk(self) -> bool:
        """Let the kernel pass on a part of a large body; False when there is none or no pipe."""
        exchange = self._exchange
        unseen = exchange.unseen if exchange is not None else 0
        pipe = self.service.take_pipe() if unseen else None
        if exchange is None or pipe is None:
            return False
        try:
            size = pipe.fill(self.fd, unseen)
        except BlockingIOError:
            return True
        except OSError:
            self.abort()
            return True
        if size:
            self.service.counters.bytes_in += size
            exchange.relay_request_pipe(pipe)
        else:
            self.take(b"")
        return True

    def take(self, data: bytes | memoryview) -> None:
        """Handle what the client sent; nothing means that it will send nothing more."""
        self._is_at_rest = False
        self.is_disturbed = True
        if not data:
            self._receive_end()
            return
        service = self.service
        service.counters.bytes_in += len(data)
        if service.shaper is not None:
            service.shaper.inward.spend(len(data), self)
        exchange = self._exchange
        if exchange is None:
            if not self._has_ended:
                self.reader.receive(data)
                self._advance()
            elif self.reactor.deadlines.now < self._lingers_until:
                self.touch(self.limits.linger_s)
        elif exchange.wants_body:
            exchange.relay_request(memoryview(data))
        else:
            self.reader.receive(data)
            if self.reader.buffered_bytes > self.limits.max_pipelined_bytes:
                self.pause_reading()

    def _receive_end(self) -> None:
        """The client will send nothing more; it may still wait for its answer."""
        if self._is_lingering:
            self.close()
            return
        self._saw_end = True
        self.pause_reading()
        if self._exchange is not None:
            self._exchange.on_client_end()
        elif not self._has_ended and not self.unsent:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        """No request is being served and none can come any more."""
        if self.reader.has_input:
            self.refuse(RemoteProtocolError("the request is incomplete"))
        else:
            self.close()

    def _on_deadline(self) -> None:
        deadlines = self.reactor.deadlines
        if self.is_held:  # it waits for its turn, not for its peer
            self._deadline = deadlines.schedule(self.limits.linger_s, self._on_deadline)
        elif self._exchange is not None:
            self._deadline = deadlines.schedule(
                self.service.plan.listener.request_timeout_s, self._on_deadline
            )
            self._exchange.on_deadline()
        elif self.unsent:
            self.abort()
        elif self._has_ended or not self.reader.has_input:
            self.close()
        else:
            self._deadline = deadlines.schedule(self.limits.linger_s, self._on_deadline)
            self.refuse(RemoteProtocolError("the request head took too long", 408))

    # --- requests --------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Serve the requests that are here, one after the other."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while not (self._exchange or self.unsent or self._has_ended or self.is_held):
                if not self._begin_next():
                    break
        finally:
            self._is_advancing = False

    def _begin_next(self) -> bool:
        """Begin the next request and return whether there was one."""
        shaper, reader = self.service.shaper, self.reader
        if shaper is not None and reader.has_input and shaper.outward.is_spent():
            shaper.outward.hold(self)
            return False
        before = reader.buffered_bytes
        try:
            head = reader.next_head() if reader.has_input else None
        except RemoteProtocolError as error:
            self.refuse(error)
            return False
        if head is None:
            self._wait_for_head()
            return False
        self._waits_for_head = False
        self.service.counters.requests += 1
        request_id = head.fields.request_id or new_request_id()
        own = self._refusal() or own_answer(
            head,
            redirect_port=self.service.plan.listener.redirect_port,
            default_host=self.own_address if not head.is_http_11 else b"",
        )
        if own is not None:
            trace = RequestTrace(self, head, request_id)
            trace.bytes_in = before - reader.buffered_bytes
            return self._answer_alone(head, trace, own)
        self._exchange = exchange = Exchange(self, head, request_id)
        exchange.trace.bytes_in = before - reader.buffered_bytes
        exchange.begin()
        return True

    def _refusal(self) -> OwnAnswer | None:
        """Return the answer to a request that is one too many in this second."""
        allowance = self.service.allowance
        if allowance is None or allowance.takes_request():
            return None
        self.service.counters.over_requests += 1
        return OwnAnswer(503, Reason.TOO_MANY_REQUESTS, RETRY_SOON)

    def _answer_alone(self, head: RequestHead, trace: RequestTrace, own: OwnAnswer) -> bool:
        """Answer without a server; a body, which nobody wants, ends the connection."""
        stays_open = head.keep_alive and not head.length and self.may_stay_open
        self.answer(
            own.status,
            own.reason,
            trace,
            stays_open=stays_open,
            is_http_11=head.is_http_11,
            has_body=head.method != b"HEAD",
            lines=own.lines,
        )
        trace.end(End.COMPLETE if self.is_open else End.CLIENT_CLOSED)
        if not stays_open:
            self.finish(stays_open=False)
        return stays_open and self.is_open

    @property
    def own_address(self) -> bytes:
        """Return the address that the client connected to, as a Host."""
        address, port = self.sock.getsockname()[:2]
        return f"{address}:{port}".encode("ascii")

    def _wait_for_head(self) -> None:
        if self._saw_end:
            self._stop_waiting()
            return
        if self.reader.has_input:
            # The time for a head does not start again with every byte of it.
            if not self._waits_for_head:
                self._waits_for_head = True
                self._deadline.touch(self.limits.head_timeout_s)
        else:
            self._waits_for_head = False
            if self._stops or self.service.closing:
                self.close()
                return
            self._deadline.touch(self.service.plan.listener.idle_timeout_s)
            self._is_at_rest = not self.unsent
        if not self.is_reading:
            self.resume_reading()

    # --- what the lane does with its client ------------------------------------------------------

    def begin_simple(self, lane: FastLane, size: int) -> None:
        """A simple request of this many bytes begins."""
        service = self.service
        counters = service.counters
        counters.bytes_in += size
        counters.requests += 1
        self._is_at_rest = self.is_disturbed = False
        self._exchange = lane
        self._deadline.touch(service.plan.listener.request_timeout_s)

    def hand_over(self, exchange: Exchange) -> None:
        """The exchange goes on with the request of the lane."""
        self._exchange = exchange

    def complete(self, status: int, data: bytes, *, keep_alive: bool) -> bool:
        """Send a whole response, the client being ready for it, and wait for what comes next.

        False: the client is gone.
        """
        self._exchange = None
        service = self.service
        service.counters.count_response(status)
        service.counters.bytes_out += len(data)
        try:
            is_sent = self.send(data)
        except OSError:
            self.abort()
            return False
        if not keep_alive:
            self._finish_last(lingers=False)
        elif is_sent:
            self._is_at_rest = True
            self._deadline.touch(service.plan.listener.idle_timeout_s)
        return True

    # --- what an exchange does with its client ---------------------------------------------------

    def touch(self, delay_s: float) -> None:
        """Begin to wait anew for whatever comes next."""
        self._deadline.touch(delay_s)

    def deliver(self, data: bytes | memoryview) -> bool:
        """Send a part of a response and return whether the client is still there."""
        service, size = self.service, len(data)
        self.delivered += size
        service.counters.bytes_out += size
        if service.shaper is not None:
            service.shaper.outward.spend(size)
        try:
            self.send(data)
        except OSError:
            self.abort()
            return False
        return True

    def deliver_pipe(self, pipe: Pipe) -> bool:
        """Send what is in the pipe, as ``deliver`` does with data."""
        self.delivered += len(pipe)
        self.service.counters.bytes_out += len(pipe)
        try:
            self.send_pipe(pipe)
        except OSError:
            self.abort()
            return False
        return True

    def expect_more(self) -> None:
        """More parts of the response follow: small ones must not wait for each other.

        An answer of one part needs no such option, and most answers are of that kind.
        """
        if not self._is_hurried:
            self._is_hurried = True
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def may_stay_open(self) -> bool:
        """Return whether another request on this connection would be served."""
        if self._stops or self.service.closing:
            return False
        return not self._saw_end or self.reader.has_input

    def finish(self, *, stays_open: bool, lingers: bool = True) -> None:
        """The exchange is over and its response was delivered or is waiting in the tail."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.trace.end(End.COMPLETE)
        if not self.is_open:
            return
        if stays_open:
            if self.unsent or self.reader.has_input:
                self._advance()
            else:
                self._wait_for_head()
        else:
            self._finish_last(lingers=lingers or self.reader.has_input)

    def refuse(self, error: RemoteProtocolError, *, has_body: bool | None = None) -> None:
        """Answer a request that breaks the protocol; its connection cannot be used any more."""
        reason = Reason.REQUEST_TIMEOUT if error.status == 408 else Reason.BAD_REQUEST
        if has_body is None:
            has_body = not self.reader.begins_with_head_method
        exchange = self._exchange
        trace = exchange.trace if exchange else RequestTrace(self, None, new_request_id())
        trace.detail = str(error)
        self.answer(error.status, reason, trace, stays_open=False, has_body=has_body)
        trace.end(End.COMPLETE)
        self.finish(stays_open=False)

    def answer(
        self,
        status: int,
        reason: Reason,
        trace: RequestTrace,
        *,
        stays_open: bool,
        is_http_11: bool = True,
        has_body: bool = True,
        lines: bytes = b"",
    ) -> None:
        """Send an answer of our own."""
        trace.answer(status, reason)
        self.service.counters.count_response(status)
        self.service.counters.count_own_answer(reason)
        self.deliver(
            write_own_answer(
                status,
                reason=reason,
                request_id=trace.request_id,
                connection=connection_line(keep_alive=stays_open, is_http_11=is_http_11),
                date_line=date_line(),
                lines=lines,
                has_body=has_body,
            )
        )

    def turn_away(self, reason: Reason) -> None:
        """Answer before anything is asked, and close."""
        self._is_at_rest = False
        trace = RequestTrace(self, None, new_request_id())
        self.answer(503, reason, trace, stays_open=False, lines=RETRY_SOON)
        trace.end(End.COMPLETE)
        self.finish(stays_open=False)

    def let_go(self) -> None:
        """Read on, and begin what was read already."""
        super().let_go()
        if self.is_open and not self.is_held:
            self._advance()

    # --- the end ---------------------------------------------------------------------------------

    def close_when_idle(self) -> None:
        """Finish the request in flight, if there is one, then close."""
        self._stops = self.is_disturbed = True
        if self._exchange is None and not self._has_ended and not self.unsent:
            self.close()

    def close_after_next(self) -> None:
        """Say ``Connection: close`` with the next answer; until then, wait as before."""
        self._stops = self.is_disturbed = True
        self._is_at_rest = False

    def release_removed(self) -> None:
        """A server has left the plan: end what cannot go on without it."""
        if self._exchange is not None:
            self._exchange.release_removed()

    def leave(self, places: Collection[Place]) -> None:
        """Requests are short: listeners that understand them do not drain."""

    def _finish_last(self, *, lingers: bool) -> None:
        self._has_ended = True
        self._lingers = lingers
        if not self.unsent:
            self._end()

    def _end(self) -> None:
        """Close after the last answer, and after the client has had time to fetch it."""
        if self._saw_end or (not self._lingers and self.closes_cleanly):
            self.close()
            return
        self._is_lingering = True
        self._lingers_until = self.reactor.deadlines.now + self.limits.max_linger_s
        self.shut_down_writing()
        self.touch(self.limits.linger_s)
        self.resume_reading()

    def close(self) -> None:
        """Close the connection and give up the request in flight."""
        if not self.is_open:
            return
        super().close()
        self._is_at_rest = False
        self._has_ended = True
        self._deadline.cancel()
        self.service.connections.discard(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            trace = exchange.trace
            exchange.cancel()
            is_cut = self.service.is_cutting
            trace.end(trace.cut_by or (End.PROXY_CUT if is_cut else End.CLIENT_CLOSED))

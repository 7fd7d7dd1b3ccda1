"""One relayed TCP connection: connect to a server, then move bytes both ways until both ended.

A client's connection is not read before a server has taken it, so nothing is lost when the next
server has to be tried. Each direction ends by itself: the end of one side is passed on after what
is still unsent (half-close). A reset, and a connection idle for too long, reset both sides, so that
nobody takes what it has for the whole.
"""

import errno
import socket
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from proxy.core.generation import Target
from proxy.core.proxy_protocol import ProxyHeader
from proxy.core.reasons import Reason
from proxy.core.targets import Place, place_of
from proxy.net.connection import READ, WRITE, Connection
from proxy.net.metrics import ServerCounters
from proxy.net.reactor import ERROR, HANGUP, Reactor
from proxy.net.shaper import Direction
from proxy.net.splice import LARGE_BYTES, LARGE_READS, PIPE_BYTES
from proxy.net.trace import End, LinkTrace

if TYPE_CHECKING:
    from proxy.net.listeners import ListenerService

MAX_ATTEMPTS = 8
"""How many servers one connection may try."""
# Our own shortages say nothing about the server.
OWN_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
SOCKET_KIND = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class _Side(Connection):
    """One of the two sockets of a relay; ``other`` is where its bytes go."""

    __slots__ = (
        "_large_reads",
        "ends_after_unsent",
        "has_ended",
        "is_client",
        "other",
        "received",
        "relay",
    )

    other: "_Side"

    def __init__(self, relay: "TcpRelay", sock: socket.socket, *, is_client: bool) -> None:
        super().__init__(relay.reactor, sock, READ)
        self.relay = relay
        self.is_client = is_client
        self.has_ended = False
        self.received = 0
        self.ends_after_unsent = False
        self._large_reads = 0

    def on_event(self, mask: int) -> None:
        """Send what is waiting, then take what the peer sent."""
        try:
            if mask == READ and self.is_reading:
                self._receive()
                return
            if mask & WRITE and self.unsent:
                self._flush_tail()
            if mask & ~WRITE and self.is_open:
                self._take(mask)
        except BlockingIOError:
            return
        except OSError:
            self.relay.abort()

    def abort(self) -> None:
        """Nothing of the relay is left when one side is given up."""
        self.relay.abort()

    def _flush_tail(self) -> None:
        if not self.flush():
            return
        if self.ends_after_unsent:
            self.shut_down_writing()
            self.relay.close_if_over()
        elif not self.other.has_ended:
            self.other.resume_reading()

    def _take(self, mask: int) -> None:
        if self.is_reading:
            self._receive()
        elif mask & ERROR:
            self.relay.abort()
        elif mask & HANGUP:
            # Both ends of this side are over, but the other still has to take the last bytes.
            self.stop_watching()

    def _receive(self) -> None:
        if self._large_reads >= LARGE_READS and self._receive_bulk():
            return
        reactor = self.reactor
        shaper = self.relay.service.shaper
        if shaper is not None:
            self._receive_shaped(shaper.inward if self.is_client else shaper.outward)
            return
        size = self.sock.recv_into(reactor.buffer)
        if size == 0:
            self._receive_end()
            return
        self._note_received(size)
        if not self.other.send(reactor.view[:size]):
            self.pause_reading()

    def _receive_shaped(self, direction: Direction) -> None:
        """Pass on a small part of what the bandwidth allows, and wait if that was too much."""
        reactor = self.reactor
        size = self.sock.recv_into(reactor.buffer, direction.read_bytes)
        if size == 0:
            self._receive_end()
            return
        self._note_received(size)
        if not self.other.send(reactor.view[:size]):
            self.pause_reading()
        direction.spend(size, self)

    def let_go(self) -> None:
        """Read on; the time of waiting was no idleness."""
        self.relay.deadline.touch(self.relay.idle_timeout_s)
        super().let_go()

    def _receive_bulk(self) -> bool:
        """Let the kernel pass on what is there, if a pipe can be had."""
        pipe = self.relay.service.take_pipe()
        if pipe is None:
            return False
        size = pipe.fill(self.fd, PIPE_BYTES)
        if size == 0:
            self._receive_end()
            return True
        self._note_received(size)
        if not self.other.send_pipe(pipe):
            self.pause_reading()
        return True

    def _note_received(self, size: int) -> None:
        relay = self.relay
        now = self.reactor.deadlines.now
        if now != relay.touched_at:  # the wheel's time goes in coarse steps
            relay.touched_at = now
            relay.deadline.touch(relay.idle_timeout_s)
        self.received += size
        counters, of_server = relay.service.counters, relay.server_counters
        assert of_server is not None
        if self.is_client:
            counters.bytes_in += size
            of_server.bytes_in += size
        else:
            counters.bytes_out += size
            of_server.bytes_out += size
        if size >= LARGE_BYTES:
            self._large_reads += 1
        elif self._large_reads:
            self._large_reads = 0

    def _receive_end(self) -> None:
        self.has_ended = True
        # Closing both tells the other side the same as shutting it down does.
        if self.relay.close_if_over():
            return
        self.pause_reading()
        other = self.other
        other.ends_after_unsent = True
        if not other.unsent:
            other.shut_down_writing()

    def close_socket(self, *, with_reset: bool) -> None:
        """Close this side alone."""
        if with_reset:
            super().abort()
        else:
            self.close()


class TcpRelay:
    """One client connection of a TCP listener and its connection to a server."""

    __slots__ = (
        "_client",
        "_client_sock",
        "_connecting",
        "_peer",
        "_server",
        "_target",
        "_trace",
        "_tried",
        "deadline",
        "idle_timeout_s",
        "is_open",
        "reactor",
        "server_counters",
        "service",
        "touched_at",
    )

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        peer: tuple[str, int],
        service: "ListenerService",
    ) -> None:
        self.reactor = reactor
        self.service = service
        self.is_open = True
        self.idle_timeout_s = float(service.plan.listener.idle_timeout_s)
        self.touched_at = 0.0
        self._client_sock = sock
        self._peer = peer
        self._client: _Side | None = None
        self._server: _Side | None = None
        self._connecting: socket.socket | None = None
        self._target: Target | None = None
        self.server_counters: ServerCounters | None = None
        self._tried: tuple[Target, ...] = ()
        self._trace = LinkTrace(service.plan.route) if service.access_log is not None else None
        service.connections.add(self)
        self.deadline = reactor.deadlines.schedule(
            service.plan.listener.connect_timeout_s, self._on_deadline
        )
        self._try_next_server()

    # --- connecting ------------------------------------------------------------------------------

    def _try_next_server(self) -> None:
        service, reason = self.service, Reason.CONNECT_FAILED
        while len(self._tried) < MAX_ATTEMPTS:
            target = service.plan.layer4_route.pick(
                service.availability, time.monotonic(), self._tried, self._peer
            )
            if isinstance(target, Reason):
                reason = target
                break
            self._target = target
            if self._trace is not None:
                self._trace.begin_attempt(service.plan.layer4_route_of(target), target)
            service.plan.begin_work(target)
            self.server_counters = counters = service.counters.server(target.server_id)
            counters.connections += 1
            counters.active += 1
            if self._tried:
                service.counters.retries += 1
                counters.retries += 1
            code = self._connect(target)
            if code == errno.EINPROGRESS:
                self.deadline.touch(service.plan.listener.connect_timeout_s)
                return
            if code == 0:
                self._begin_relaying()
                return
            self._note_unreachable(code)
        service.counters.count_own_answer(reason)
        if self._trace is not None:
            self._trace.reason = reason
        self._close(End.PROXY_CUT)

    def _connect(self, target: Target) -> int:
        """Begin to connect and return the error number, 0 when the server is there at once."""
        try:
            sock = socket.socket(socket.AF_INET, SOCKET_KIND)
        except OSError as error:
            return error.errno or errno.EMFILE
        self._connecting = sock
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex((target.address, target.port))
        if code == errno.EINPROGRESS:
            self.reactor.register(sock.fileno(), WRITE, self._on_connected)
        return code

    def _on_connected(self, mask: int) -> None:
        sock = self._connecting
        assert sock is not None
        if mask & (ERROR | HANGUP):
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._note_unreachable(code or errno.ECONNRESET)
            self._try_next_server()
        else:
            self._begin_relaying()

    def _note_unreachable(self, code: int) -> None:
        """Remember that the server could not be reached, and keep others away from it."""
        target = self._target
        assert target is not None
        assert self.server_counters is not None
        self.server_counters.failures += 1
        self._drop_attempt()
        self._tried = (*self._tried, target)
        if code not in OWN_SHORTAGES:
            self.service.availability.eject(target, time.monotonic())

    def _drop_attempt(self) -> None:
        sock, self._connecting = self._connecting, None
        if sock is not None:
            self.reactor.forget(sock.fileno())
            sock.close()
        target, self._target = self._target, None
        counters, self.server_counters = self.server_counters, None
        if counters is not None:
            assert target is not None
            counters.active -= 1
            self.service.plan.end_work(target)

    def _begin_relaying(self) -> None:
        assert self._connecting is not None
        self._server = server = _Side(self, self._connecting, is_client=False)
        self._connecting = None
        self._client = client = _Side(self, self._client_sock, is_client=True)
        client.other, server.other = server, client
        self._tried = ()
        if self._trace is not None:
            self._trace.reach()
        self.deadline.touch(self.idle_timeout_s)
        header = self.service.plan.proxy_header
        if header is not None:
            self._tell_client(header)

    def _tell_client(self, header: ProxyHeader) -> None:
        """Tell the server who the client is, before the client's first byte."""
        assert self._server is not None
        try:
            self._server.send(header.header_for(self._peer))
        except OSError:
            self.abort()

    def _on_deadline(self) -> None:
        if self._server is not None:
            self._end_idle()
            return
        self.deadline = self.reactor.deadlines.schedule(
            self.service.plan.listener.connect_timeout_s, self._on_deadline
        )
        self._note_unreachable(errno.ETIMEDOUT)
        self._try_next_server()

    # --- the end ---------------------------------------------------------------------------------

    def _end_idle(self) -> None:
        """End a connection that was idle for too long; who waits for a turn is not idle."""
        assert self._client is not None
        assert self._server is not None
        if self._client.is_held or self._server.is_held:
            self.deadline = self.reactor.deadlines.schedule(self.idle_timeout_s, self._on_deadline)
        else:
            self._close(End.TIMED_OUT)

    def turn_away(self, reason: Reason) -> None:
        """There is nothing to say in this protocol."""
        self.abort()

    def close_if_over(self) -> bool:
        """Close when both directions have ended and everything is delivered; return whether so."""
        client, server = self._client, self._server
        assert client is not None
        assert server is not None
        if not (client.has_ended and server.has_ended) or client.unsent or server.unsent:
            return False
        self._close(End.COMPLETE)
        return True

    def close_when_idle(self) -> None:
        """A relayed connection is work in flight until its peers end it."""

    def close_after_next(self) -> None:
        """It goes on until its peers end it."""

    def release_removed(self) -> None:
        """End the connection when its server has left the plan, unless the listener drains."""
        if self._target is None or self.service.plan.reaches(self._target):
            return
        if self._server is None:
            self._drop_attempt()
            self._try_next_server()
        elif not self.service.may_go_on(self._target):
            self._close(End.PROXY_CUT)

    def leave(self, places: Collection[Place]) -> None:
        """End the connection when it is one to these servers, whose time is over."""
        if self._target is not None and place_of(self._target) in places:
            self._close(End.PROXY_CUT)

    def abort(self) -> None:
        """Reset both sides: a peer did so, or the listener ends."""
        self._close(End.PROXY_CUT if self.service.is_cutting else End.PEER_RESET)

    def _close(self, how: End) -> None:
        """Close both sides, with a reset unless everything is delivered."""
        if not self.is_open:
            return
        self.is_open = False
        if self._trace is not None:
            self._log(self._trace, how)
        self.deadline.cancel()
        self.service.connections.discard(self)
        for side in (self._client, self._server):
            if side is not None:
                side.close_socket(with_reset=how is not End.COMPLETE)
        if self._client is None:
            self._client_sock.close()
        self._drop_attempt()

    def _log(self, trace: LinkTrace, how: End) -> None:
        if self._client is not None and self._server is not None:
            trace.bytes_in, trace.bytes_out = self._client.received, self._server.received
        service = self.service
        if service.access_log is not None:
            service.access_log.add_connection(trace, service.plan, self._peer, how)

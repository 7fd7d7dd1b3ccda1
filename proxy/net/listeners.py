"""One listener of a worker: accepts connections and hands each to its protocol.

A service lives as long as its listener, over all generations. Connections hold the service and
read ``service.plan`` for each new piece of work, so a new plan is in force by one assignment.
"""

import contextlib
import errno
import logging
import resource
import socket
import ssl
import struct
import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

from proxy.core.generation import ListenerPlan, Target
from proxy.core.health import Availability
from proxy.core.reasons import Reason
from proxy.core.targets import Place
from proxy.net.access_log import AccessLog
from proxy.net.allowance import Allowance
from proxy.net.draining import Draining
from proxy.net.metrics import ListenerCounters
from proxy.net.reactor import READ, Reactor
from proxy.net.shaper import Shaper
from proxy.net.splice import Pipe
from proxy.net.upstream import UpstreamPool
from proxy.snapshot import Protocol as ListenerProtocol

ACCEPTS_PER_WAKE = 64
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

logger = logging.getLogger(__name__)

Peer = tuple[str, int]


class Connection(Protocol):
    """What a service asks of the connections it has accepted."""

    def close_when_idle(self) -> None:
        """Finish the work in flight and close; close at once when there is none."""

    def close_after_next(self) -> None:
        """Close after the answer to the next request, which may be on its way already."""

    def abort(self) -> None:
        """Close at once; the peers see a reset, never a clean end."""

    def release_removed(self) -> None:
        """A server has left the plan: end what cannot go on without it."""

    def leave(self, places: Collection[Place]) -> None:
        """The time of these servers is over: end what is still open there."""

    def turn_away(self, reason: Reason) -> None:
        """Say why this connection is not served, and end it."""


ConnectionFactory = Callable[[Reactor, socket.socket, Peer, "ListenerService"], Connection]


class DescriptorGuard:
    """Says when descriptors run short. A new one has the lowest free number, so that tells."""

    def __init__(self, limit: int | None = None) -> None:
        limit = limit or resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        # What stays free is for connections to servers and for the control channel.
        self.high_water = limit - max(32, limit // 8)

    def is_short(self, fd: int) -> bool:
        """Tell whether accepting must pause after this descriptor was handed out."""
        return fd >= self.high_water

    def has_room(self) -> bool:
        """Tell whether accepting may go on, with some distance to the mark."""
        try:
            with socket.socket() as probe:
                return probe.fileno() < self.high_water - max(1, self.high_water // 32)
        except OSError:
            return False


class ListenerService:
    """One listener in one worker, stable over generations."""

    def __init__(
        self,
        reactor: Reactor,
        plan: ListenerPlan,
        availability: Availability,
        upstreams: UpstreamPool,
        connect: ConnectionFactory | None,
        guard: DescriptorGuard,
        access_log: AccessLog | None = None,
    ) -> None:
        self.reactor = reactor
        self.plan = plan
        self.availability = availability
        self.upstreams = upstreams
        # What HTTPS clients meet first; new connections take what is here.
        self.tls: ssl.SSLContext | None = None
        self.counters = ListenerCounters(lambda server: self.plan.group_of(server))
        self.access_log = access_log
        self.closing = False
        self.is_cutting = False
        self.connections: set[Connection] = set()
        self.is_paused = False
        self._draining: Draining | None = None
        self._set_draining()
        # None: nothing is limited, and nothing is asked.
        self.allowance: Allowance | None = None
        self.shaper: Shaper | None = None
        self._connect = connect
        self._guard = guard
        self._socket: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the service has a socket to accept from."""
        return self._socket is not None

    def open(self, listening: socket.socket) -> None:
        """Accept from this socket from now on, instead of one before it."""
        self.stop_accepting()
        listening.setblocking(False)
        self._socket = listening
        if not self.is_paused:
            self.reactor.register(listening.fileno(), READ, self.on_acceptable)

    def stop_accepting(self) -> None:
        """Let go of the socket; open connections go on."""
        if self._socket is not None:
            self.reactor.unregister(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def adopt(self, plan: ListenerPlan) -> None:
        """Follow this plan from the next request or connection on."""
        removed = self.plan.places - plan.places
        drained = self.drains
        self.plan = plan
        self._set_draining()
        for _, address, port in removed:
            self.upstreams.close_target(address, port)
        if self._draining is not None:
            self._draining.remove(removed)
        if removed or drained and not self.drains:
            for connection in list(self.connections):
                connection.release_removed()
        self._forget_gone(plan)

    @property
    def drains(self) -> bool:
        """Tell whether what is open at a server that leaves may go on for a time."""
        return self._draining is not None

    def may_go_on(self, target: Target) -> bool:
        """Tell whether what is open at this server is spared, although the server leaves."""
        return self._draining is not None and self._draining.is_open(target)

    def _set_draining(self) -> None:
        if self.plan.listener.drain_timeout_s is None:
            self._draining = None
        elif self._draining is None:
            self._draining = Draining(self)

    def limit_bandwidth(self, shaper: Shaper | None) -> None:
        """Shape the traffic from now on, or let it flow; who waits under the old limit goes on."""
        before, self.shaper = self.shaper, shaper
        if before is not None:
            before.close()

    def retire(self) -> None:
        """Leave new connections to another program; what is open here loses nothing."""
        self.closing = True
        self.stop_accepting()
        for connection in list(self.connections):
            connection.close_after_next()

    def take_pipe(self) -> Pipe | None:
        """Return a pipe for bulk, or None when bytes have to be copied.

        Those that are encrypted or held back on the way are.
        """
        if self.plan.listener.tls is not None or self.shaper is not None:
            return None
        return self.reactor.pipes.take()

    def close(self) -> None:
        """Stop accepting at once; idle connections close, busy ones finish their work."""
        self.closing = True
        self.stop_accepting()
        for connection in list(self.connections):
            connection.close_when_idle()

    def report(self) -> dict[str, Any]:
        """Return the counters as they are reported."""
        state = {
            "paused": int(self.is_paused),
            "failed_over": int(self.plan.layer4_route.is_failed_over),
        }
        leaving = self._draining.servers if self._draining is not None else frozenset()
        return self.counters.as_json(len(self.connections), leaving) | state

    def abort(self) -> None:
        """Close every connection that is left."""
        self.is_cutting = True
        for connection in list(self.connections):
            connection.abort()

    def tend(self) -> None:
        """Do what is due although no client asks for it; called a few times a second."""
        if self.is_paused:
            self.resume()
        if self.plan.has_failover:
            self.plan.layer4_route.follow(self.availability, time.monotonic())
        if self._draining is not None:
            self._draining.tend()

    def resume(self) -> None:
        """Accept again after a pause, if there is room for it."""
        if self.is_paused and self._guard.has_room():
            self.is_paused = False
            if self._socket is not None:
                self.reactor.register(self._socket.fileno(), READ, self.on_acceptable)

    def on_acceptable(self, mask: int) -> None:
        """Accept what waits, but let others have their turn after a while.

        Until the plan is ready clients wait in the kernel's queue, and each wake makes a part of
        what is missing, so that nobody else is held up.
        """
        if not self.plan.is_ready:
            self.plan.prepare()
            return
        for _ in range(ACCEPTS_PER_WAKE):
            if self._socket is None or self.is_paused:
                return
            try:
                client, peer = self._socket.accept()
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._pause()
                elif error.errno == errno.EINVAL:  # the parent has stopped listening
                    self.stop_accepting()
                # Whatever else it says concerns a client that is gone already.
                return
            access = self.plan.access
            if access is not None and not access.admits(peer[0]):
                self.counters.denied += 1
                drop(client)
                continue
            allowance = self.allowance
            if allowance is not None and (refusal := allowance.refusal()):
                self._turn_away(client, peer, refusal, allowance)
                continue
            client.setblocking(False)
            self.counters.accepted += 1
            self._start(client, peer)

    def _turn_away(
        self, client: socket.socket, peer: Peer, reason: Reason, allowance: Allowance
    ) -> None:
        """Answer 503 where that can be said at once, and as long as few wait for it; else reset."""
        if reason is Reason.TOO_MANY_NEW_CONNECTIONS:
            self.counters.over_new_connections += 1
        else:
            self.counters.over_connections += 1
            if self.plan.listener.protocol is ListenerProtocol.HTTP and allowance.may_explain():
                client.setblocking(False)
                connection = self._start(client, peer)
                if connection is not None:
                    connection.turn_away(reason)
                return
        drop(client)

    def _start(self, client: socket.socket, peer: Peer) -> Connection | None:
        fd = client.fileno()
        assert self._connect is not None
        connection = None
        try:
            connection = self._connect(self.reactor, client, peer, self)
        except Exception:
            logger.exception("a connection could not be started")
            self.reactor.unregister(fd)
            client.close()
        if self._guard.is_short(fd):
            self._pause()
        return connection

    def _pause(self) -> None:
        if not self.is_paused and self._socket is not None:
            self.reactor.unregister(self._socket.fileno())
            logger.warning(
                "accepting pauses: descriptors run short", extra={"listener": self.plan.listener.id}
            )
        self.is_paused = True

    def _forget_gone(self, plan: ListenerPlan) -> None:
        """Drop the counters of rules and groups that are gone, and of servers with nothing open."""
        known = {target.server_id for target in plan.targets}
        servers = self.counters.servers
        for server_id in [each for each in servers if each not in known]:
            if not servers[server_id].active:
                self.counters.forget_server(server_id)
        self.counters.forget_groups(plan.group_ids)
        rules = self.counters.rules
        for rule in rules.keys() - plan.rule_routes.keys():
            del rules[rule]


def drop(client: socket.socket) -> None:
    """Turn a connection away with a reset: it gets no answer, and the kernel keeps nothing."""
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    client.close()

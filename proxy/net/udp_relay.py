"""UDP listeners: a session per client address, so that its packets stay with one server.

A session has a socket of its own, connected to the server, which tells whose answer a packet is
and brings the ICMP errors of that server. Answers leave through the listening socket, so clients
see them come from the address they asked. A session ends when it has been silent for long enough,
when its server refuses a packet or is removed, and when room is needed for another one.

A newer program that takes over is told which client is with which server, and goes on so when the
client's next packet comes.
"""

import errno
import itertools
import socket
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from proxy.core.generation import ListenerPlan, Target
from proxy.core.health import Availability
from proxy.core.reasons import Reason
from proxy.core.targets import Place, place_of
from proxy.net.access_log import AccessLog
from proxy.net.listeners import DescriptorGuard, ListenerService, Peer
from proxy.net.metrics import ServerCounters
from proxy.net.reactor import READ, Reactor
from proxy.net.trace import End, LinkTrace
from proxy.net.upstream import UpstreamPool

PACKETS_PER_WAKE = 64
ANSWERS_PER_WAKE = 16
MAX_SESSIONS = 16384
"""Sessions of one listener; each holds a descriptor and less than 2 KB."""
MAX_ATTEMPTS = 8
"""How many servers one packet may try."""
LOOKED_AT_FOR_ROOM = 16
# Neither our own shortages nor a packet too big for the path speak against the server.
NOT_THE_SERVERS_FAULT = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.EAGAIN,
        errno.EMSGSIZE,
        errno.EPERM,
    }
)
SOCKET_KIND = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class UdpSession:
    """What one client address exchanges with its server through one listener."""

    __slots__ = (
        "_counters",
        "_front",
        "_has_asked",
        "_header",
        "_plan",
        "_stamp",
        "_target",
        "_trace",
        "_upstream",
        "_wanted",
        "client",
        "deadline",
        "descriptor",
        "idle_timeout_s",
        "is_open",
        "reactor",
        "service",
    )

    def __init__(
        self,
        reactor: Reactor,
        front: socket.socket,
        client: Peer,
        service: "UdpListener",
        wanted: str | None = None,
    ) -> None:
        self.reactor = reactor
        self.service = service
        self.client = client
        self.is_open = True
        self.idle_timeout_s = float(service.plan.listener.idle_timeout_s)
        self._front = front
        self._wanted = wanted  # the server that the client had in the program before
        self._has_asked = False
        self._plan: ListenerPlan = service.plan
        self._header = _header_of(service.plan, client)
        self._stamp = 0
        self._target: Target | None = None
        self._upstream: socket.socket | None = None
        self.descriptor = -1  # of the socket to the server, while there is one
        self._counters: ServerCounters | None = None
        self._trace = LinkTrace(service.plan.route) if service.access_log is not None else None
        self.deadline = reactor.deadlines.schedule(self.idle_timeout_s, self._end_idle)

    def forward(self, packet: memoryview) -> bool:
        """Send the client's packet to its server; False when it had to be dropped."""
        service = self.service
        if self._stamp != service.availability.stamp or self._plan is not service.plan:
            self._follow_plan()
        tried: tuple[Target, ...] = ()
        while self._upstream is not None or self._connect(tried):
            assert self._upstream is not None
            try:
                if self._header is None:
                    self._upstream.send(packet)
                else:
                    self._upstream.sendmsg((self._header, packet))
                self._has_asked = True
            except OSError as error:
                if error.errno in NOT_THE_SERVERS_FAULT:
                    return False
                # It is the answer to an earlier packet; this one has not been sent yet.
                tried = (*tried, self._give_up_server())
                continue
            self.deadline.touch(self.idle_timeout_s)
            of_server = self._counters
            assert of_server is not None
            of_server.packets_in += 1
            of_server.bytes_in += len(packet)
            if self._trace is not None:
                self._trace.packets_in += 1
                self._trace.bytes_in += len(packet)
            return True
        self.close(End.PROXY_CUT)
        return False

    def on_event(self, mask: int) -> None:
        """Send the server's packets to the client, but let others have their turn."""
        upstream, reactor = self._upstream, self.reactor
        assert upstream is not None
        # To look for a second packet costs as much as to take one, and one packet has one answer,
        # mostly. What a server sends beyond that comes in rows.
        limit = 1 if self._has_asked else ANSWERS_PER_WAKE
        self._has_asked = False
        try:
            for _ in range(limit):
                size = upstream.recv_into(reactor.buffer)
                self._answer(reactor.view[:size])
        except BlockingIOError:
            return
        except OSError:
            self._give_up_server()
            self.close(End.SERVER_CUT)

    def close_when_idle(self) -> None:
        """No packet says that a session is over, so it ends with its listener."""
        self.close()

    def abort(self) -> None:
        """Close at once."""
        self.close()

    def turn_away(self, reason: Reason) -> None:
        """There is nothing to say in this protocol."""
        self.close()

    def close_after_next(self) -> None:
        """It goes on until it has been silent for long enough."""

    def release_removed(self) -> None:
        """End the session when its server has left the plan, unless the listener drains."""
        target, service = self._target, self.service
        if target and not service.plan.reaches(target) and not service.may_go_on(target):
            self.close()

    def leave(self, places: Collection[Place]) -> None:
        """End the session when it is one with these servers, whose time is over."""
        if self._target is not None and place_of(self._target) in places:
            self.close()

    def _end_idle(self) -> None:
        self.close(End.COMPLETE)

    def close(self, how: End = End.PROXY_CUT) -> None:
        """End the session; the client's next packet begins another one."""
        if self.is_open:
            self.is_open = False
            service = self.service
            if self._trace is not None and service.access_log is not None:
                service.access_log.add_session(self._trace, service.plan, self.client, how)
            self.deadline.cancel()
            self._disconnect()
            self.service.forget_session(self)

    def _answer(self, packet: memoryview) -> None:
        counters, of_server = self.service.counters, self._counters
        assert of_server is not None
        self.deadline.touch(self.idle_timeout_s)
        shaper = self.service.shaper
        if shaper is not None and not shaper.outward.admits(len(packet)):
            counters.over_bandwidth += 1
            counters.packets_dropped += 1
            of_server.packets_dropped += 1
            return
        try:
            self._front.sendto(packet, self.client)
        except OSError:
            counters.packets_dropped += 1
            of_server.packets_dropped += 1
        else:
            counters.packets_out += 1
            counters.bytes_out += len(packet)
            of_server.packets_out += 1
            of_server.bytes_out += len(packet)
            if self._trace is not None:
                self._trace.packets_out += 1
                self._trace.bytes_out += len(packet)

    def _follow_plan(self) -> None:
        """Leave a server that should have no more packets of anybody.

        One that was removed may have them while it drains; one that is down could do nothing with
        them.
        """
        service = self.service
        self._plan, now = service.plan, time.monotonic()
        self._header = _header_of(service.plan, self.client)
        target = self._target
        if target and not self._may_keep(target, now):
            self._disconnect()
        self._stamp = service.availability.stamp

    def _may_keep(self, target: Target, now: float) -> bool:
        if not self._plan.reaches(target) and self.service.may_go_on(target):
            return True
        return self._plan.layer4_route.keeps(target.server_id, self.service.availability, now)

    def _connect(self, tried: tuple[Target, ...]) -> bool:
        """Choose a server and open a socket for it; False when there is none."""
        service, reason = self.service, Reason.CONNECT_FAILED
        while len(tried) < MAX_ATTEMPTS:
            target = self._choose(tried)
            if isinstance(target, Reason):
                reason = target
                break
            self._target = target
            if self._trace is not None:
                self._trace.begin_attempt(service.plan.layer4_route_of(target), target)
            service.plan.begin_work(target)
            self._counters = counters = service.counters.server(target.server_id)
            counters.connections += 1
            counters.active += 1
            if tried:
                service.counters.retries += 1
                counters.retries += 1
            try:
                self._upstream = sock = socket.socket(socket.AF_INET, SOCKET_KIND)
                self.descriptor = sock.fileno()
                sock.connect((target.address, target.port))
            except OSError as error:
                if error.errno in NOT_THE_SERVERS_FAULT:
                    self._disconnect()
                    return False
                tried = (*tried, self._give_up_server())
                continue
            self.reactor.register(self.descriptor, READ, self.on_event)
            return True
        service.counters.count_own_answer(reason)
        if self._trace is not None:
            self._trace.reason = reason
        return False

    def _choose(self, tried: tuple[Target, ...]) -> Target | Reason:
        service, now = self.service, time.monotonic()
        route, availability = service.plan.layer4_route, service.availability
        wanted, self._wanted = self._wanted, None
        if wanted is not None and route.keeps(wanted, availability, now):
            return next(each for each in service.plan.targets if each.server_id == wanted)
        return route.pick(availability, now, tried, self.client)

    def _give_up_server(self) -> Target:
        """Remember that the server takes no packets, and keep new sessions away from it."""
        target = self._target
        assert target is not None
        assert self._counters is not None
        self._counters.failures += 1
        self._disconnect()
        self.service.availability.eject(target, time.monotonic())
        return target

    @property
    def server(self) -> str | None:
        """Return the server that the client is with."""
        return self._target.server_id if self._target is not None else None

    def _disconnect(self) -> None:
        sock, self._upstream = self._upstream, None
        self.descriptor = -1
        if sock is not None:
            self.reactor.unregister(sock.fileno())
            sock.close()
        target, self._target = self._target, None
        counters, self._counters = self._counters, None
        if counters is not None:
            assert target is not None
            counters.active -= 1
            self.service.plan.end_work(target)


def _header_of(plan: ListenerPlan, client: Peer) -> bytes | None:
    header = plan.proxy_header
    return header.header_for(client) if header is not None else None


class UdpListener(ListenerService):
    """One UDP listener in the one worker that has its socket."""

    max_sessions = MAX_SESSIONS

    def __init__(
        self,
        reactor: Reactor,
        plan: ListenerPlan,
        availability: Availability,
        upstreams: UpstreamPool,
        guard: DescriptorGuard,
        access_log: AccessLog | None = None,
    ) -> None:
        super().__init__(reactor, plan, availability, upstreams, None, guard, access_log)
        self.sessions: dict[Peer, UdpSession] = {}
        # The servers of clients that the program before had.
        self._expected: dict[Peer, str] = {}

    def stop_accepting(self) -> None:
        """Let go of the socket; without it no session can be answered."""
        for session in list(self.sessions.values()):
            session.close()
        super().stop_accepting()

    def retire(self) -> None:
        """Leave the packets of clients to another program; answers still go out from here."""
        self.closing = True
        if self._socket is not None:
            self.reactor.unregister(self._socket.fileno())

    def servers_of_clients(self) -> list[list[Any]]:
        """Return address, port and server of each client, for the program that takes over."""
        return [[*each.client, each.server] for each in self.sessions.values() if each.server]

    def expect(self, clients: Iterable[Sequence[Any]]) -> None:
        """Send these clients to the servers that they had, unless they stay away for too long."""
        self._expected = {(address, port): server for address, port, server in clients}
        idle_s = self.plan.listener.idle_timeout_s
        self.reactor.deadlines.schedule(idle_s, self._expected.clear)

    def on_acceptable(self, mask: int) -> None:
        """Forward the packets that wait, but let others have their turn after a while."""
        reactor, counters = self.reactor, self.counters
        buffer, view = reactor.buffer, reactor.view
        for _ in range(PACKETS_PER_WAKE):
            front = self._socket
            if front is None:
                return
            try:
                size, client = front.recvfrom_into(buffer)
            except OSError:
                return
            session = self.sessions.get(client)
            if session is None:
                if client == front.getsockname():  # forged: its answer would come back here
                    counters.packets_dropped += 1
                    continue
                access = self.plan.access
                if access is not None and not access.admits(client[0]):
                    counters.denied += 1
                    counters.packets_dropped += 1
                    continue
                allowance = self.allowance
                if allowance is not None and (refusal := allowance.refusal()):
                    self._note_refusal(refusal)
                    continue
                session = self._open_session(front, client)
            shaper = self.shaper
            if shaper is not None and not shaper.inward.admits(size):
                counters.over_bandwidth += 1
                counters.packets_dropped += 1
            elif session.forward(view[:size]):
                counters.packets_in += 1
                counters.bytes_in += size
            else:
                counters.packets_dropped += 1
            if self._guard.is_short(session.descriptor):
                self._make_room(session)

    def _note_refusal(self, reason: Reason) -> None:
        if reason is Reason.TOO_MANY_NEW_CONNECTIONS:
            self.counters.over_new_connections += 1
        else:
            self.counters.over_connections += 1
        self.counters.packets_dropped += 1

    def forget_session(self, session: UdpSession) -> None:
        """The session has ended."""
        self.sessions.pop(session.client, None)
        self.connections.discard(session)

    def _open_session(self, front: socket.socket, client: Peer) -> UdpSession:
        if len(self.sessions) >= self.max_sessions:
            self._make_room()
        session = UdpSession(self.reactor, front, client, self, self._expected.pop(client, None))
        self.sessions[client] = session
        self.connections.add(session)
        self.counters.accepted += 1
        return session

    def _make_room(self, newest: UdpSession | None = None) -> None:
        """End the session that has been silent for longest among those whose turn it is.

        The others go to the back of the row, so that a flood of new addresses pushes itself out
        and not the clients that go on talking.
        """
        row = list(itertools.islice(self.sessions.values(), LOOKED_AT_FOR_ROOM))
        for session in row:
            self.sessions[session.client] = self.sessions.pop(session.client)
        silent = min(
            (each for each in row if each is not newest),
            key=lambda session: session.deadline.due_at,
            default=None,
        )
        if silent is not None:
            silent.close()

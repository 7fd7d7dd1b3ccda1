"""A worker's part of the proxy: generations in force, services that accept, and their end.

Everything here runs on one event loop. ``adopt`` has no ``await`` in it, so a swap is atomic:
requests in flight keep the plan they started with, the next one sees the new plan.
"""

import collections
import logging
import socket
import ssl
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from proxy.core.generation import Generation, ListenerPlan, build_generation, foresee_targets
from proxy.core.health import Availability
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits
from proxy.core.targets import TargetBook
from proxy.net.access_log import AccessLog
from proxy.net.allowance import Allowance
from proxy.net.http_client import HttpClient
from proxy.net.ledger import Ledger
from proxy.net.listeners import ConnectionFactory, DescriptorGuard, ListenerService
from proxy.net.reactor import Reactor
from proxy.net.shaper import Shaper
from proxy.net.tcp_relay import TcpRelay
from proxy.net.tls_client import TlsHandshake
from proxy.net.tls_contexts import TlsContexts
from proxy.net.udp_relay import UdpListener
from proxy.net.upstream import UpstreamPool
from proxy.snapshot import Limits, Protocol, Snapshot

CLOSING_BOUND_S = 30.0
"""How long work in flight may go on after its listener was removed."""
CONNECTIONS: Mapping[Protocol, ConnectionFactory] = {
    Protocol.TCP: TcpRelay,
    Protocol.HTTP: HttpClient,
    Protocol.HTTPS: TlsHandshake,
}

logger = logging.getLogger(__name__)


class ProxyServer:
    """What one worker serves. ``phase`` (0 to 1) is where its schedulers start their cycle."""

    def __init__(
        self,
        reactor: Reactor,
        phase: float = 0.0,
        http_limits: HttpLimits = DEFAULT_LIMITS,
        access_log: AccessLog | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.reactor = reactor
        self._ledger = ledger
        self._allowances: dict[str, Allowance] = {}
        self.availability = Availability()
        self.upstreams = UpstreamPool(reactor, limits=http_limits)
        self._phase = phase
        self._access_log = access_log
        self._guard = DescriptorGuard()
        self._tls_contexts = TlsContexts(ledger.tickets if ledger is not None else None)
        self._generations: dict[str, Generation] = {}
        self._services: dict[tuple[str, str], ListenerService] = {}
        self._closing: set[ListenerService] = set()
        # How many plans reach each server address: none left means idle connections are dropped.
        self._uses: collections.Counter[tuple[str, int]] = collections.Counter()

    def foresee(self, snapshot: Snapshot) -> Generator[None, None, TargetBook]:
        """Do in parts what can be done before the snapshot is adopted; nothing changes yet."""
        return foresee_targets(snapshot, self._generations.get(snapshot.load_balancer))

    def adopt(
        self,
        snapshot: Snapshot,
        rows: Mapping[str, int] | None = None,
        book: TargetBook | None = None,
    ) -> None:
        """Put the snapshot in force, between two requests, or change nothing and raise.

        ``rows`` says where in the ledger the load balancer and its listeners count what is
        limited; without a row a worker counts for itself. ``book`` is what was foreseen.
        """
        contexts = self._tls_contexts.build(snapshot)
        load_balancer = snapshot.load_balancer
        previous = self._generations.get(load_balancer)
        generation = build_generation(snapshot, previous, self._phase, book)
        self._generations[load_balancer] = generation
        for id_, plan in generation.listeners.items():
            self._serve((load_balancer, id_), plan, contexts.get(id_))
        for id_ in previous.listeners.keys() - generation.listeners.keys() if previous else ():
            self._close_service((load_balancer, id_))
        self._count_uses(generation, previous)
        self._limit(generation, rows or {})

    def remove(self, load_balancer: str) -> None:
        """Stop serving a load balancer."""
        generation = self._generations.pop(load_balancer, None)
        if generation is None:
            return
        for id_ in generation.listeners:
            self._close_service((load_balancer, id_))
        self._count_uses(None, generation)
        self._allowances.pop(load_balancer, None)

    def listen(self, load_balancer: str, listener: str, sock: socket.socket) -> None:
        """Accept for the listener from this socket."""
        service = self._services.get((load_balancer, listener))
        if service is None:
            sock.close()
        else:
            service.open(sock)

    def stop_listening(self, load_balancer: str, kept: set[str]) -> None:
        """Let go of the sockets of all listeners but these."""
        generation = self._generations.get(load_balancer)
        for id_ in generation.listeners.keys() - kept if generation else ():
            self._services[load_balancer, id_].stop_accepting()

    def tend(self) -> None:
        """Do what is due although no client asks for it; called a few times a second."""
        self._tls_contexts.follow_secret()
        for service in self._services.values():
            service.tend()
        for allowance in self._allowances.values():
            allowance.count_open()  # for the other workers

    def prepare(self) -> bool:
        """Do a small part of what schedulers have to do ahead; return whether more is left."""
        return any(service.plan.prepare() for service in self._services.values())

    def counters(self) -> dict[str, Any]:
        """Return the counters of each listener."""
        return {listener: service.report() for (_, listener), service in self._services.items()}

    @property
    def has_connections(self) -> bool:
        """Tell whether any client connection is open."""
        return any(service.connections for service in self._all_services())

    def retire(self) -> None:
        """Leave all that is new to another program and go on with what is here."""
        for service in self._services.values():
            service.retire()

    def servers_of_clients(self) -> dict[str, list[list[Any]]]:
        """Return which UDP client of which listener is with which server."""
        return {
            id_: service.servers_of_clients()
            for (_, id_), service in self._services.items()
            if isinstance(service, UdpListener) and service.sessions
        }

    def expect_clients(self, clients: Mapping[str, list[list[Any]]]) -> None:
        """Go on with the UDP clients of the program before as it had them."""
        for (_, id_), service in self._services.items():
            if isinstance(service, UdpListener) and id_ in clients:
                service.expect(clients[id_])

    def close(self) -> None:
        """Stop accepting; idle connections close, busy ones finish their work."""
        for service in self._services.values():
            service.close()

    def abort(self) -> None:
        """Close all that is left."""
        for service in self._all_services():
            service.abort()
        self.upstreams.close()

    def _all_services(self) -> Iterator[ListenerService]:
        yield from self._services.values()
        yield from self._closing

    def _serve(self, key: tuple[str, str], plan: ListenerPlan, tls: ssl.SSLContext | None) -> None:
        service = self._services.get(key)
        if service and service.plan.listener.protocol is plan.listener.protocol:
            service.adopt(plan)
        else:
            if service:
                self._close_service(key)
            service = self._services[key] = self._new_service(plan)
        service.tls = tls

    def _new_service(self, plan: ListenerPlan) -> ListenerService:
        protocol = plan.listener.protocol
        parts = (self.reactor, plan, self.availability, self.upstreams)
        if protocol is Protocol.UDP:
            return UdpListener(*parts, self._guard, self._access_log)
        return ListenerService(*parts, CONNECTIONS[protocol], self._guard, self._access_log)

    def _limit(self, generation: Generation, rows: Mapping[str, int]) -> None:
        """Put the limits of the load balancer and of its listeners in force."""
        snapshot, wheel = generation.snapshot, self.reactor.deadlines
        name = snapshot.load_balancer
        allowance, row = self._allowances.pop(name, None), rows.get(name)
        if snapshot.limits == Limits():
            allowance = None
        elif allowance is None or (allowance.limits, allowance.row) != (snapshot.limits, row):
            allowance = Allowance(snapshot.limits, wheel, self._ledger, row)
        if allowance is not None:
            self._allowances[name] = allowance
            allowance.services = {self._services[name, id_] for id_ in generation.listeners}
        for id_, plan in generation.listeners.items():
            service = self._services[name, id_]
            service.allowance = allowance
            self._shape(service, plan.listener.bandwidth_mbps, rows.get(id_))

    def _shape(self, service: ListenerService, mbps: int | None, row: int | None) -> None:
        """Put the bandwidth of a listener in force, within that of its load balancer."""
        shares = service.allowance.bandwidth if service.allowance is not None else None
        shaper = service.shaper
        if mbps is None and shares is None:
            service.limit_bandwidth(None)
        elif shaper is None or (shaper.mbps, shaper.row, shaper.shares) != (mbps, row, shares):
            wheel = self.reactor.deadlines
            service.limit_bandwidth(Shaper(mbps, wheel, self._ledger, row, shares))

    def _close_service(self, key: tuple[str, str]) -> None:
        service = self._services.pop(key)
        service.close()
        if service.connections:
            self._closing.add(service)
            self.reactor.deadlines.schedule(CLOSING_BOUND_S, lambda: self._end_closing(service))

    def _end_closing(self, service: ListenerService) -> None:
        if service.connections:
            logger.info(
                "connections of a removed listener are cut",
                extra={"listener": service.plan.listener.id, "count": len(service.connections)},
            )
        service.abort()
        self._closing.discard(service)

    def _count_uses(self, generation: Generation | None, previous: Generation | None) -> None:
        """Drop the idle connections to addresses that no listener leads to any more."""
        plans, before = (each.listeners if each else {} for each in (generation, previous))
        left: set[tuple[str, int]] = set()
        for id_ in plans.keys() | before.keys():
            places = plans[id_].places if id_ in plans else frozenset()
            were = before[id_].places if id_ in before else frozenset()
            if places is not were:
                self._uses.update((address, port) for _, address, port in places - were)
                gone = [(address, port) for _, address, port in were - places]
                self._uses.subtract(gone)
                left.update(gone)
        for place in left:
            if self._uses[place] <= 0:
                del self._uses[place]
                self.upstreams.close_target(*place)

"""A scene for tests of HTTP: a proxy, scripted servers and clients, all in one thread.

Every socket is real and on loopback. The scene turns the reactor itself while a test waits for a
condition, so a test neither sleeps nor needs a second thread.
"""

import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from proxy.core.generation import build_generation
from proxy.core.health import Availability
from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits
from proxy.net.access_log import AccessLog
from proxy.net.deadlines import DeadlineWheel
from proxy.net.listeners import DescriptorGuard, ListenerService
from proxy.net.reactor import Reactor
from proxy.net.server import CONNECTIONS
from proxy.net.upstream import UpstreamPool
from proxy.snapshot import (
    GroupKind,
    HealthStatus,
    HealthTable,
    HealthVersion,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    Snapshot,
)

PATIENCE_S = 60.0


class Peer:
    """One end of a connection in the hands of a test: a client, or a server's connection."""

    def __init__(self, scene: "Scene", sock: socket.socket) -> None:
        sock.setblocking(False)
        self.scene = scene
        self.sock = sock
        self.received = bytearray()
        self.is_at_end = False
        self.was_reset = False

    def send(self, data: bytes) -> None:
        """Send all of the data while the proxy runs."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                self.scene.turn()
        self.scene.turn()

    def send_some(self, data: bytes) -> int:
        """Send what the kernel takes, the proxy standing still; BlockingIOError when it is full."""
        return self.sock.send(data)

    def take(self, limit: int = 1 << 20) -> int:
        """Receive what is there and return how many bytes came."""
        try:
            data = self.sock.recv(limit)
        except BlockingIOError:
            return 0
        except ConnectionResetError:
            self.is_at_end = self.was_reset = True
            return 0
        self.is_at_end = data == b""
        self.received += data
        return len(data)

    def wait_for(self, end: bytes) -> bytes:
        """Wait until ``end`` has come; return what came up to and with it."""

        def has_come() -> bool:
            self.take()
            return end in self.received

        self.scene.wait(has_come, lambda: f"{end!r} in {self.received[-300:]!r}")
        at = self.received.index(end) + len(end)
        taken = bytes(self.received[:at])
        del self.received[:at]
        return taken

    def wait_for_head(self) -> bytes:
        return self.wait_for(b"\r\n\r\n")

    def wait_for_response(self) -> tuple[bytes, bytes]:
        """Return head and body of a response that has a Content-Length."""
        head = self.wait_for_head()
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, self.wait_for_bytes(length)

    def wait_for_bytes(self, size: int) -> bytes:
        def have_come() -> bool:
            self.take()
            return len(self.received) >= size

        self.scene.wait(have_come, lambda: f"{size} bytes, not {len(self.received)}")
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken

    def wait_for_end(self) -> bytes:
        """Wait until the other side has closed; return what came before."""

        def has_ended() -> bool:
            self.take()
            return self.is_at_end

        self.scene.wait(has_ended, lambda: f"the end after {self.received[-300:]!r}")
        taken, self.received = bytes(self.received), bytearray()
        return taken

    def shut_down(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)
        self.scene.turn()

    def close(self) -> None:
        self.sock.close()
        self.scene.turn()


class ScriptedServer:
    """A backend server whose every move is made by the test."""

    def __init__(self, scene: "Scene", backlog: int = 64) -> None:
        self.scene = scene
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.listening.setblocking(False)
        self.port = self.listening.getsockname()[1]
        self._place = self.listening
        self.accepted: list[Peer] = []

    def try_accept(self) -> Peer | None:
        try:
            sock, _ = self.listening.accept()
        except BlockingIOError:
            return None
        peer = self.scene.adopt(Peer(self.scene, sock))
        self.accepted.append(peer)
        return peer

    def accept(self) -> Peer:
        """Wait for the next connection of the proxy."""
        found: list[Peer] = []

        def has_come() -> bool:
            peer = self.try_accept()
            if peer is not None:
                found.append(peer)
            return bool(found)

        self.scene.wait(has_come, lambda: "a connection to the server")
        return found[0]

    def close(self) -> None:
        """Refuse connections from now on; nobody else may listen here meanwhile."""
        self.listening.close()
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", self.port))

    def leave(self) -> None:
        """Give up the port as well."""
        self.listening.close()
        self._place.close()


class Scene(AbstractContextManager["Scene"]):
    """The proxy's half: one listener, its service, and the reactor that drives both."""

    def __init__(
        self,
        servers: int = 1,
        granularity_s: float = 0.02,
        groups: Mapping[str, Sequence[int]] | None = None,
        limits: HttpLimits = DEFAULT_LIMITS,
        access_log: AccessLog | None = None,
        **options: object,
    ) -> None:
        self.access_log = access_log
        self.reactor = Reactor(DeadlineWheel(granularity_s))
        self._peers: list[Peer] = []
        self._front = socket.create_server(("127.0.0.1", 0))
        self._address = self._front.getsockname()
        self.servers = [ScriptedServer(self) for _ in range(servers)]
        self.pool = UpstreamPool(self.reactor, limits=limits)
        self._version = 0
        self._health = 0
        # Further groups, for rules: the numbers of the servers in each.
        self._groups = {"rsp-1": range(servers), **(groups or {})}
        self.removed: set[int] = set()
        self._generation = None
        self._options = options
        self.availability = Availability()
        self.service = self._build_service()

    def snapshot(self, weights: list[int] | None = None, **options: object) -> Snapshot:
        self._version += 1
        weights = weights or [100] * len(self.servers)
        values: dict[str, object] = {
            "protocol": Protocol.HTTP,
            "scheduler": SchedulerName.WEIGHTED_ROUND_ROBIN,
            "health_check": None,
            "connect_timeout_s": 5,
            "idle_timeout_s": 15,
            "request_timeout_s": 60,
        }
        values |= self._options | options
        listener = Listener(
            id="lsn-1",
            port=80,
            group="rsp-1",
            backend_port=None,
            **values,  # type: ignore[arg-type]
        )
        members = [
            Server(f"i-{at}", "127.0.0.1", server.port, weight)
            for at, (server, weight) in enumerate(zip(self.servers, weights, strict=True))
        ]
        groups = tuple(
            ServerGroup(
                name,
                GroupKind.DEFAULT if name == "rsp-1" else GroupKind.VSERVER,
                tuple(members[at] for at in numbers if at not in self.removed),
            )
            for name, numbers in self._groups.items()
        )
        return Snapshot(
            "lb-1", self._version, "127.0.0.1", (listener,), groups, cookie_key="5e" * 32
        )

    def _build_service(self) -> ListenerService:
        self._generation = build_generation(self.snapshot(), None)
        plan = self._generation.listeners["lsn-1"]
        connect = CONNECTIONS[plan.listener.protocol]
        service = ListenerService(
            self.reactor,
            plan,
            self.availability,
            self.pool,
            connect,
            DescriptorGuard(),
            self.access_log,
        )
        service.open(self._front)
        return service

    def adopt_weights(self, weights: list[int], **options: object) -> None:
        """Swap the configuration as the proxy does: one reference."""
        self._generation = build_generation(self.snapshot(weights, **options), self._generation)
        self.service.adopt(self._generation.listeners["lsn-1"])

    def tell(self, *statuses: HealthStatus) -> None:
        """Publish what the checks say, in the order of the servers."""
        self._health += 1
        found = {
            target.probe: status
            for target, status in zip(self.service.plan.targets, statuses, strict=True)
            if target.probe
        }
        self.availability.replace(HealthTable(0, HealthVersion(1, self._health), found))

    @property
    def server(self) -> ScriptedServer:
        return self.servers[0]

    def adopt(self, peer: Peer) -> Peer:
        self._peers.append(peer)
        return peer

    def connect(self, source: tuple[str, int] | None = None) -> Peer:
        """Return a new client whose other end is served by the proxy."""
        accepted = self.service.counters.accepted
        sock = socket.create_connection(self._address, source_address=source)
        self.wait(lambda: self.service.counters.accepted > accepted, lambda: "the accept")
        return self.adopt(Peer(self, sock))

    def turn(self) -> None:
        """Let the proxy handle what is ready."""
        self.reactor.drain()
        self.reactor.deadlines.advance()

    def wait(self, condition: Callable[[], bool], what: Callable[[], str]) -> None:
        """Turn the proxy until the condition holds."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, f"waited in vain for {what()}"
            self.turn()
            select.select([], [], [], 0.0002)

    def settle(self, turns: int = 20) -> None:
        """Let everything happen that needs no further input."""
        for _ in range(turns):
            self.turn()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.service.close()
        self.service.abort()
        self.pool.close()
        self.reactor.close()
        for peer in self._peers:
            peer.sock.close()
        for server in self.servers:
            server.leave()

"""UDP through the proxy over real sockets: sessions, their ends, and servers that are not there."""

import collections
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from proxy.core.generation import Generation, ListenerPlan, build_generation
from proxy.core.health import Availability
from proxy.net.access_log import AccessLog
from proxy.net.deadlines import DeadlineWheel
from proxy.net.listeners import DescriptorGuard
from proxy.net.reactor import Reactor
from proxy.net.udp_relay import UdpListener
from proxy.net.upstream import UpstreamPool
from proxy.snapshot import (
    CheckKind,
    GroupKind,
    HealthCheck,
    HealthStatus,
    HealthTable,
    HealthVersion,
    Listener,
    Protocol,
    SchedulerName,
    Server,
    ServerGroup,
    ServerRole,
    Snapshot,
)

PATIENCE_S = 10.0
CHECK = HealthCheck(CheckKind.UDP, 2, 5, 3, 3)
Packet = tuple[bytes, tuple[str, int]]


def datagram_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


class Scene:
    """One UDP listener and the reactor that drives it; every socket is in this thread."""

    def __init__(
        self,
        servers: int = 2,
        groups: Mapping[str, Sequence[int]] | None = None,
        access_log: AccessLog | None = None,
        **options: object,
    ) -> None:
        self.reactor = Reactor(DeadlineWheel(0.02))
        self.availability = Availability()
        self.servers = [datagram_socket() for _ in range(servers)]
        self.places = [each.getsockname() for each in self.servers]
        self.roles = [ServerRole.MEMBER] * servers
        self.options = options
        # The numbers of the servers in each group.
        self._groups = groups or {"rsp-1": range(servers)}
        self._version = 0
        self._health = 0
        self._clients: list[socket.socket] = []
        self.front = datagram_socket()
        self.address = self.front.getsockname()
        self._generation: Generation | None = None
        self._pool = UpstreamPool(self.reactor)
        self.service = UdpListener(
            self.reactor,
            self._next_plan([100] * servers),
            self.availability,
            self._pool,
            DescriptorGuard(),
            access_log,
        )
        self.service.open(self.front)

    def _next_plan(self, weights: list[int | None]) -> ListenerPlan:
        """Return the plan of the next version; a server without a weight is not in it."""
        self._version += 1
        is_pair = ServerRole.PRIMARY in self.roles
        kind = GroupKind.PRIMARY_SECONDARY if is_pair else GroupKind.VSERVER
        members = {
            at: Server(f"i-{at}", *place, weight, role)
            for at, (place, weight, role) in enumerate(
                zip(self.places, weights, self.roles, strict=True)
            )
            if weight is not None
        }
        listener = Listener(
            id="lsn-1",
            protocol=Protocol.UDP,
            port=53,
            group="rsp-1",
            backend_port=None,
            scheduler=SchedulerName.WEIGHTED_ROUND_ROBIN,
            health_check=None,
            connect_timeout_s=5,
            idle_timeout_s=30,
            request_timeout_s=60,
        )
        listener = replace(listener, **self.options)
        groups = tuple(
            ServerGroup(name, kind, tuple(members[at] for at in numbers if at in members))
            for name, numbers in self._groups.items()
        )
        snapshot = Snapshot("lb-1", self._version, "127.0.0.1", (listener,), groups)
        self._generation = build_generation(snapshot, self._generation)
        return self._generation.listeners["lsn-1"]

    def adopt(self, *weights: int | None) -> None:
        self.service.adopt(self._next_plan(list(weights)))

    def tell(self, *statuses: HealthStatus) -> None:
        """Publish what the checks say, in the order of the servers."""
        self._health += 1
        targets = self.service.plan.targets
        found = {
            target.probe: status
            for target, status in zip(targets, statuses, strict=True)
            if target.probe
        }
        self.availability.replace(HealthTable(0, HealthVersion(1, self._health), found))

    def client(self) -> socket.socket:
        self._clients.append(datagram_socket())
        return self._clients[-1]

    def turn(self) -> None:
        self.reactor.drain()
        self.reactor.deadlines.advance()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until, f"waited in vain for {what}"
            self.turn()
            select.select([], [], [], 0.0002)

    def receive(self, *socks: socket.socket) -> tuple[int, Packet]:
        """Wait for a packet on one of the sockets; return its place among them and the packet."""
        found: list[tuple[int, Packet]] = []

        def has_come() -> bool:
            for at, sock in enumerate(socks):
                try:
                    found.append((at, sock.recvfrom(65536)))
                except BlockingIOError:
                    continue
                return True
            return False

        self.wait(has_come, "a packet")
        return found[0]

    def ask(self, client: socket.socket, data: bytes = b"?") -> int:
        """Send a packet, have its server answer, and return which server it was."""
        client.sendto(data, self.address)
        at, (packet, proxy) = self.receive(*self.servers)
        assert packet == data
        self.servers[at].sendto(data + b"!", proxy)
        assert self.receive(client) == (0, (data + b"!", self.address))
        return at

    def close(self) -> None:
        self.service.close()
        self.service.abort()
        self._pool.close()
        self.reactor.close()
        for sock in (*self._clients, *self.servers):
            sock.close()


@pytest.fixture
def new_scene() -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []

    def make(**options: object) -> Scene:
        scenes.append(Scene(**options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


def test_answers_come_from_the_address_that_was_asked_and_all_is_counted(new_scene):
    scene = new_scene(servers=1)
    client = scene.client()
    scene.ask(client, b"ping")
    counters = scene.service.report()
    assert (counters["packets_in"], counters["packets_out"]) == (1, 1)
    assert (counters["bytes_in"], counters["bytes_out"]) == (4, 5)
    assert (counters["accepted"], counters["active"]) == (1, 1)
    assert counters["packets_dropped"] == 0
    assert counters["servers"]["i-0"] == {
        "connections": 1,
        "active": 1,
        "requests": 0,
        "failures": 0,
        "bytes_in": 4,
        "bytes_out": 5,
        "packets_in": 1,
        "packets_out": 1,
        "draining": 0,
    }


def test_packets_of_a_client_address_stay_with_one_server(new_scene):
    scene = new_scene(servers=3)
    for client in [scene.client() for _ in range(6)]:
        first = scene.ask(client)
        assert {scene.ask(client) for _ in range(4)} == {first}


def test_sessions_are_shared_by_the_weights(new_scene):
    scene = new_scene(servers=3)
    scene.adopt(50, 30, 20)
    counts = collections.Counter(scene.ask(scene.client()) for _ in range(20))
    assert counts == {0: 10, 1: 6, 2: 4}


@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_packets_keep_their_bounds_at_every_size(new_scene, size):
    scene = new_scene(servers=1)
    client = scene.client()
    client.sendto(b"x" * size, scene.address)
    client.sendto(b"next", scene.address)
    assert scene.receive(*scene.servers)[1][0] == b"x" * size
    packet, proxy = scene.receive(*scene.servers)[1]
    assert packet == b"next"
    scene.servers[0].sendto(b"y" * size, proxy)
    assert scene.receive(client)[1][0] == b"y" * size


def test_server_may_answer_more_often_than_it_is_asked(new_scene):
    scene = new_scene(servers=1)
    client = scene.client()
    client.sendto(b"?", scene.address)
    proxy = scene.receive(*scene.servers)[1][1]
    for number in range(40):
        scene.servers[0].sendto(b"%d" % number, proxy)
    assert [scene.receive(client)[1][0] for _ in range(40)] == [b"%d" % each for each in range(40)]


def test_session_ends_when_it_is_idle_and_not_before(new_scene):
    scene = new_scene(servers=1, idle_timeout_s=1)
    busy, idle = scene.client(), scene.client()
    scene.ask(idle)

    def only_busy_is_left() -> bool:
        scene.ask(busy)
        return len(scene.service.sessions) == 1

    scene.wait(only_busy_is_left, "the idle session to end")
    assert busy.getsockname() in scene.service.sessions
    assert scene.service.report()["servers"]["i-0"]["active"] == 1


def test_refused_server_gets_no_new_sessions_and_the_client_moves_on(new_scene):
    scene = new_scene(servers=2)
    client = scene.client()
    dead = scene.ask(client)
    scene.servers[dead].close()
    client.sendto(b"lost", scene.address)
    scene.wait(lambda: not scene.service.sessions, "the refusal")
    scene.servers[dead] = datagram_socket()  # at another port, so it never hears anything
    assert scene.ask(client) == 1 - dead
    assert {scene.ask(scene.client()) for _ in range(4)} == {1 - dead}
    assert scene.service.report()["servers"][f"i-{dead}"]["failures"] == 1


def test_refusal_that_a_packet_meets_sends_it_to_the_next_server(new_scene):
    """The error on sending speaks of an earlier packet; the one in hand is not lost."""
    scene = new_scene(servers=2)
    client = scene.client()
    dead = scene.ask(client)
    scene.servers[dead].close()
    session = scene.service.sessions[client.getsockname()]
    scene.reactor.unregister(session.descriptor)  # so that the refusal is met by the next packet
    client.sendto(b"lost", scene.address)
    client.sendto(b"kept", scene.address)
    scene.servers[dead] = datagram_socket()
    assert scene.receive(*scene.servers)[1][0] == b"kept"


def test_without_servers_packets_are_dropped_and_counted(new_scene):
    scene = new_scene(servers=1)
    scene.adopt(None)
    scene.client().sendto(b"?", scene.address)
    scene.wait(lambda: scene.service.counters.packets_dropped == 1, "the drop")
    assert not scene.service.sessions
    assert scene.service.counters.packets_in == 0


def test_packet_forged_from_the_listeners_own_address_goes_nowhere(new_scene):
    """Its answer would be the next packet, and so on for ever."""
    scene = new_scene(servers=1)
    scene.front.sendto(b"?", scene.address)
    scene.wait(lambda: scene.service.counters.packets_dropped == 1, "the drop")
    assert not scene.service.sessions


def test_removed_server_loses_its_sessions_and_the_client_goes_on_elsewhere(new_scene):
    scene = new_scene(servers=2)
    client = scene.client()
    old = scene.ask(client)
    weights: list[int | None] = [100, 100]
    weights[old] = None
    scene.adopt(*weights)
    assert not scene.service.sessions
    assert scene.ask(client) == 1 - old
    assert list(scene.service.report()["servers"]) == [f"i-{1 - old}"]


def test_weight_zero_keeps_its_sessions_and_gets_no_new_ones(new_scene):
    scene = new_scene(servers=2)
    client = scene.client()
    old = scene.ask(client)
    weights: list[int | None] = [100, 100]
    weights[old] = 0
    scene.adopt(*weights)
    assert scene.ask(client) == old
    assert {scene.ask(scene.client()) for _ in range(4)} == {1 - old}


def test_session_leaves_an_unhealthy_server_at_its_next_packet(new_scene):
    """A client that keeps its port would otherwise speak to a dead server for ever."""
    scene = new_scene(servers=2, health_check=CHECK)
    scene.tell(HealthStatus.HEALTHY, HealthStatus.HEALTHY)
    client = scene.client()
    old = scene.ask(client)
    found = [HealthStatus.HEALTHY, HealthStatus.HEALTHY]
    found[old] = HealthStatus.UNHEALTHY
    scene.tell(*found)
    assert scene.ask(client) == 1 - old
    scene.tell(HealthStatus.HEALTHY, HealthStatus.HEALTHY)
    assert scene.ask(client) == 1 - old
    scene.tell(HealthStatus.UNHEALTHY, HealthStatus.UNHEALTHY)
    assert scene.ask(client) == 1 - old, "nobody could take it over"


def test_pair_fails_over_and_back_with_the_clients_it_has(new_scene):
    """S37 to S39: the primary while it is healthy, the unchecked secondary while it is not."""
    scene = new_scene(servers=2, health_check=CHECK)
    scene.roles = [ServerRole.PRIMARY, ServerRole.SECONDARY]
    scene.adopt(100, 100)
    assert scene.service.plan.targets[1].probe is None
    scene.tell(HealthStatus.HEALTHY, HealthStatus.HEALTHY)
    client = scene.client()
    assert {scene.ask(client), *(scene.ask(scene.client()) for _ in range(4))} == {0}
    scene.tell(HealthStatus.UNHEALTHY, HealthStatus.HEALTHY)
    assert {scene.ask(client), *(scene.ask(scene.client()) for _ in range(4))} == {1}
    scene.tell(HealthStatus.HEALTHY, HealthStatus.HEALTHY)
    assert {scene.ask(client), *(scene.ask(scene.client()) for _ in range(4))} == {0}


def test_flood_of_addresses_is_bounded_and_spares_who_goes_on_talking(new_scene):
    scene = new_scene(servers=1)
    scene.service.max_sessions = 40
    talker = scene.client()
    scene.ask(talker)
    for _ in range(20):
        for client in [scene.client() for _ in range(10)]:
            scene.ask(client)
        scene.ask(talker)
    assert len(scene.service.sessions) == 40
    server = scene.service.report()["servers"]["i-0"]
    assert server["active"] == 40
    assert server["connections"] == 201, "the talker's session was never pushed out"


def test_short_descriptors_push_silent_sessions_out(new_scene):
    scene = new_scene(servers=1)
    with socket.socket() as probe:
        lowest = probe.fileno()
    # Clients of the test take descriptors of the same process: each address costs two.
    scene.service._guard = DescriptorGuard(limit=lowest + 80)
    for _ in range(60):
        scene.ask(scene.client())
    assert len(scene.service.sessions) < 40


def test_listener_that_is_removed_ends_its_sessions_and_frees_its_address(new_scene):
    scene = new_scene(servers=1)
    scene.ask(scene.client())
    scene.service.close()
    assert not scene.service.connections
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(scene.address)


def test_one_wake_forwards_a_bounded_number_of_packets(new_scene):
    """Feed, timers and other listeners get their turn however many packets wait."""
    scene = new_scene(servers=1)
    client = scene.client()
    for _ in range(150):
        client.sendto(b"x", scene.address)
    scene.reactor.drain()
    assert scene.service.counters.packets_in == 64
    scene.wait(lambda: scene.service.counters.packets_in == 150, "the rest")


# --- after an upgrade ----------------------------------------------------------------------------


def test_clients_of_the_program_before_keep_their_servers(new_scene):
    """Issue 3, section 2: a newer program takes over; UDP clients notice nothing."""
    before, after = new_scene(servers=3), new_scene(servers=3)
    clients = [before.client() for _ in range(7)]
    served = [before.ask(client) for client in clients]
    after.service.expect(before.service.servers_of_clients())
    for client, server in reversed(list(zip(clients, served, strict=True))):
        client.sendto(b"on", after.address)
        assert after.receive(*after.servers)[0] == server
    counters = after.service.report()["servers"]
    assert {at: counters[f"i-{at}"]["active"] for at in range(3)} == {0: 3, 1: 2, 2: 2}


def test_a_server_that_is_gone_or_down_is_expected_no_more(new_scene):
    before = new_scene(servers=2, health_check=CHECK)
    before.tell(HealthStatus.HEALTHY, HealthStatus.HEALTHY)
    clients = [before.client() for _ in range(4)]
    served = [before.ask(client) for client in clients]
    known = before.service.servers_of_clients()
    removed, down = new_scene(servers=2), new_scene(servers=2, health_check=CHECK)
    removed.adopt(None, 100)
    down.tell(HealthStatus.UNHEALTHY, HealthStatus.HEALTHY)
    assert set(served) == {0, 1}
    for after in (removed, down):
        after.service.expect(known)
        for client in clients:
            client.sendto(b"on", after.address)
            assert after.receive(*after.servers)[0] == 1


def test_who_stays_away_is_forgotten(new_scene):
    scene = new_scene(servers=2, idle_timeout_s=1)
    scene.service.expect([["127.0.0.1", 9, "i-1"]])
    assert scene.service._expected
    scene.wait(lambda: not scene.service._expected, "the end of the idle time")

"""A whole node with UDP listeners and pairs: whole sessions, changes under load, failover."""

import collections
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.snapshot import (
    CheckKind,
    GroupKind,
    HealthCheck,
    HealthDelta,
    HealthStatus,
    HealthTable,
    Listener,
    ListenerError,
    ServerRole,
    Snapshot,
)
from proxy.snapshot import HealthVersion as Version
from tests.proxy.node_scene import (
    PATIENCE_S,
    Backend,
    Estate,
    NodeProcess,
    applied_version,
    kill,
    statuses,
    wait_until,
)
from tests.proxy.test_node_upgrade import upgrade, wait_until_gone

CHECK = HealthCheck(CheckKind.UDP, 2, 5, 3, 3)


class DatagramBackend:
    """Answers each packet with its name and where the packet came from, at a backend's address."""

    def __init__(self, beside: Backend) -> None:
        self.name = beside.name
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((beside.address, beside.port))
        self._sock.settimeout(0.05)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                packet, proxy = self._sock.recvfrom(65536)
                self._sock.sendto(b"%s %d %s" % (self.name.encode(), proxy[1], packet), proxy)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._sock.close()


class DatagramEstate(Estate):
    """The estate with a UDP listener at the port of its TCP listener."""

    def __init__(self, backends: list[Backend]) -> None:
        super().__init__(backends)
        self.ports["udp"] = self.ports["tcp"]
        self.is_pair = False

    def listener(self, protocol: str) -> Listener:
        made = super().listener(protocol)
        return replace(made, health_check=self.check if protocol != "http" else None)

    def snapshot(self, weights=None, **changes: object) -> Snapshot:
        made = super().snapshot(weights, **changes)
        if not self.is_pair:
            return made
        roles = (ServerRole.PRIMARY, ServerRole.SECONDARY)
        servers = tuple(
            replace(server, role=role)
            for server, role in zip(made.groups[0].servers, roles, strict=True)
        )
        group = replace(made.groups[0], kind=GroupKind.PRIMARY_SECONDARY, servers=servers)
        listeners = tuple(each for each in made.listeners if each.protocol != "http")
        return replace(made, groups=(group,), listeners=listeners)

    @contextlib.contextmanager
    def client(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((self.address, self.ports["udp"]))
            sock.settimeout(PATIENCE_S)
            yield sock


def ask(client: socket.socket, packet: bytes = b"hello") -> tuple[str, int]:
    """Return which server answered, and from which port of the proxy it was asked."""
    client.send(packet)
    name, port, echoed = client.recv(65536).split(b" ", 2)
    assert echoed == packet
    return name.decode(), int(port)


@pytest.fixture
def estate(backends: list[Backend]) -> DatagramEstate:
    return DatagramEstate(backends)


@pytest.fixture(autouse=True)
def datagram_backends(backends: list[Backend]) -> Iterator[list[DatagramBackend]]:
    servers = [DatagramBackend(each) for each in backends]
    yield servers
    for each in servers:
        each.stop()


@pytest.fixture
def node(new_node, feed, estate) -> NodeProcess:
    feed.put(estate.snapshot())
    running = new_node(workers=3).start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    return running


def publish(feed, node: NodeProcess, snapshot: Snapshot) -> None:
    feed.put(snapshot)
    wait_until(
        lambda: applied_version(feed, node.node, snapshot.load_balancer) == snapshot.version,
        f"version {snapshot.version} in force",
    )


def counted(feed, node: NodeProcess, listener: str) -> dict:
    return feed.counters(node.node)["listeners"].get(listener, {})


def worker_of_socket(node: NodeProcess, estate: DatagramEstate) -> list[int]:
    """Return which workers hold the UDP socket, by the numbers the kernel shows of it."""
    octets = bytes(int(each) for each in estate.address.split("."))
    place = f"{int.from_bytes(octets, 'little'):08X}:{estate.ports['udp']:04X}"
    with open("/proc/net/udp") as table:
        (inode,) = [line.split()[9] for line in table if line.split()[1] == place]

    def holds(pid: int) -> bool:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]":
                    return True
        return False

    return [pid for pid in node.workers() if holds(pid)]


def test_sessions_stay_whole_and_exact_with_several_workers(feed, node, estate):
    """A client's packets reach one worker and one server, and the ratio is exact."""
    publish(feed, node, estate.snapshot({"a": 50, "b": 30, "c": 20}))
    counts: collections.Counter[str] = collections.Counter()
    with contextlib.ExitStack() as clients:
        # They stay open together: a port that is free again may be given to the next client,
        # which would then go on with the session of the one before.
        for _ in range(100):
            client = clients.enter_context(estate.client())
            asked = {ask(client) for _ in range(3)}
            assert len(asked) == 1, "one server and one socket for all packets of a client"
            counts[asked.pop()[0]] += 1
    assert counts == {"a": 50, "b": 30, "c": 20}
    assert len(worker_of_socket(node, estate)) == 1
    wait_until(lambda: counted(feed, node, "lsn-lb-1-udp").get("packets_in") == 300, "counters")
    numbers = counted(feed, node, "lsn-lb-1-udp")
    assert (numbers["accepted"], numbers["packets_out"], numbers["packets_dropped"]) == (
        100,
        300,
        0,
    )
    assert {id_: each["connections"] for id_, each in numbers["servers"].items()} == counts


def test_tcp_and_udp_share_a_port(node, estate):
    with estate.client() as client, estate.connect() as stream:
        ask(client)
        stream.sendall(b"hello\n")
        assert stream.recv(100).endswith(b"hello\n")


def test_changes_under_load_lose_no_packet_and_move_no_session(feed, node, estate):
    done = threading.Event()
    ledgers: list[list[tuple[str, int]]] = [[], [], []]
    failures: list[BaseException] = []

    def talk(ledger: list[tuple[str, int]]) -> None:
        try:
            with estate.client() as client:
                while not done.is_set():
                    ledger.append(ask(client, b"%d" % len(ledger)))
        except BaseException as error:
            failures.append(error)

    clients = [threading.Thread(target=talk, args=(each,)) for each in ledgers]
    for each in clients:
        each.start()
    for number in range(60):
        snapshot = estate.snapshot({"a": 1 + number % 100, "b": 1 + (7 * number) % 100})
        kept = snapshot.listeners if number % 2 else snapshot.listeners[1:]  # HTTP comes and goes
        publish(feed, node, replace(snapshot, listeners=kept))
    done.set()
    for each in clients:
        each.join()
    assert not failures
    for ledger in ledgers:
        assert len(ledger) > 60
        assert len(set(ledger)) == 1, "the session stayed with its server and its socket"


def test_an_upgrade_loses_no_packet_and_every_client_keeps_its_server(new_node, feed, estate):
    """Issue 3, section 2; the program before ends with its drain limit, not with its sessions."""
    feed.put(estate.snapshot())
    node = new_node(workers=2).start(OPENCLB_PROXY_DRAIN_LIMIT_S="1")
    wait_until(lambda: applied_version(feed, node.node, estate.name), "the first report")
    done, talked, failures = threading.Event(), [], []

    def talk() -> None:
        try:
            with estate.client() as client:
                while not done.is_set():
                    talked.append(ask(client, b"%d" % len(talked))[0])
        except BaseException as error:
            failures.append(error)

    talker = threading.Thread(target=talk)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(estate.client()) for _ in range(7)]
        served = [ask(client)[0] for client in clients]
        talker.start()
        before = upgrade(node)
        for client, server in reversed(list(zip(clients, served, strict=True))):
            assert ask(client)[0] == server
        wait_until_gone(node, before)
        done.set()
        talker.join()
    assert not failures
    assert len(set(talked)) == 1
    assert set(served) == {"a", "b", "c"}


def test_removed_server_loses_its_sessions(feed, node, estate):
    with estate.client() as client:
        name, _ = ask(client)
        estate.backends = [each for each in estate.backends if each.name != name]
        publish(feed, node, estate.snapshot())
        assert ask(client)[0] != name


def test_removed_listener_frees_its_port_and_comes_back(feed, node, estate):
    with estate.client() as client:
        ask(client)
        snapshot = estate.snapshot()
        publish(feed, node, replace(snapshot, listeners=snapshot.listeners[:2]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((estate.address, estate.ports["udp"]))
        publish(feed, node, estate.snapshot())
        wait_until(lambda: not feed.report(node.node).faults, "the port to be taken")
        ask(client)


def test_port_in_use_is_reported_and_taken_when_it_is_free(feed, new_node, estate):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((estate.address, estate.ports["udp"]))
        feed.put(estate.snapshot())
        node = new_node().start()
        report = wait_until(
            lambda: (known := feed.report(node.node)) and known.faults and known, "the fault"
        )
        assert [(each.listener, each.error) for each in report.faults] == [
            ("lsn-lb-1-udp", ListenerError.ADDRESS_IN_USE)
        ]
    wait_until(lambda: not feed.report(node.node).faults, "the port to be taken")
    with estate.client() as client:
        ask(client)


def test_killed_worker_is_replaced_and_waiting_packets_are_served(node, estate):
    """The parent holds the socket: what comes meanwhile waits in it."""
    with estate.client() as client:
        ask(client)
        (owner,) = worker_of_socket(node, estate)
        kill(owner)
        wait_until(lambda: owner not in node.workers(), "the worker to be gone")
        ask(client)
        (heir,) = wait_until(lambda: worker_of_socket(node, estate), "the new worker")
        assert heir != owner


def test_refusing_server_is_passed_over_before_the_checks_notice(node, estate, datagram_backends):
    with estate.client() as client:
        name, _ = ask(client)
        next(each for each in datagram_backends if each.name == name).stop()
        client.send(b"lost")
        client.settimeout(0.05)

        def answered_by() -> str:
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                return ask(client)[0]
            return ""

        assert wait_until(answered_by, "another server") != name
    with estate.client() as other:
        assert ask(other)[0] != name


@pytest.fixture
def pair_node(new_node, feed, estate) -> NodeProcess:
    """A node that serves a pair, whose primary a is healthy, to TCP and UDP."""
    estate.check = CHECK
    estate.is_pair = True
    estate.backends = estate.backends[:2]
    snapshot = estate.snapshot()
    feed.put_table(HealthTable(0, Version(1, 1), statuses(snapshot, a=HealthStatus.HEALTHY)))
    feed.put(snapshot)
    running = new_node().start()
    wait_until(lambda: applied_version(feed, running.node, estate.name), "the first report")
    wait_for_health(feed, running, 1)
    return running


def wait_for_health(feed, node: NodeProcess, sequence: int) -> None:
    version = str(Version(1, sequence))
    wait_until(
        lambda: (known := feed.report(node.node)) and known.health.get("0") == version,
        f"health {version} reported",
    )


def who_by_tcp(estate: DatagramEstate) -> str:
    with estate.connect() as client:
        client.sendall(b"hello\n")
        return client.recv(100).split()[0].decode()


def test_pair_fails_over_and_back_on_tcp_and_udp(feed, pair_node, estate):
    """S36 to S39, S124, S125: automatic both ways; the client that keeps its port follows."""
    snapshot = estate.snapshot()
    with estate.client() as client:
        assert {who_by_tcp(estate) for _ in range(6)} == {"a"}
        assert ask(client)[0] == "a"
        for sequence, status, serves in (
            (2, HealthStatus.UNHEALTHY, "b"),
            (3, HealthStatus.HEALTHY, "a"),
        ):
            changed = statuses(snapshot, a=status)
            feed.put_delta(HealthDelta(0, 1, sequence, changed))
            wait_for_health(feed, pair_node, sequence)
            wait_until(lambda: who_by_tcp(estate) == serves, "the switch by TCP")  # noqa: B023
            wait_until(lambda: ask(client)[0] == serves, "the switch by UDP")  # noqa: B023
            assert {who_by_tcp(estate) for _ in range(6)} == {serves}
            with estate.client() as other:
                assert ask(other)[0] == serves


def test_open_connections_of_the_primary_stay_when_it_fails_its_checks(feed, pair_node, estate):
    """slb-rpc-api 5.4: unhealthy means no new work; what is open goes on."""
    with estate.connect() as client:
        client.sendall(b"one\n")
        assert client.recv(100) == b"a one\n"
        changed = statuses(estate.snapshot(), a=HealthStatus.UNHEALTHY)
        feed.put_delta(HealthDelta(0, 1, 2, changed))
        wait_for_health(feed, pair_node, 2)
        wait_until(lambda: who_by_tcp(estate) == "b", "the switch")
        client.sendall(b"two\n")
        assert client.recv(100) == b"a two\n"


def test_dead_primary_that_no_check_has_noticed_does_not_wake_the_secondary(pair_node, estate):
    """Both must not serve at once: the switch is the checks' decision (slb-rpc-api 5.5)."""
    estate.backends[0].stop()
    with estate.connect() as client:
        client.sendall(b"hello\n")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""

"""PROXY protocol v2 over real sockets: once before a TCP stream, before each UDP datagram."""

import socket
from collections.abc import Iterator

import pytest

from proxy.core.proxy_protocol import ProxyHeader
from proxy.snapshot import Protocol
from tests.proxy.net.http_scene import Peer, ScriptedServer
from tests.proxy.net.http_scene import Scene as TcpScene
from tests.proxy.net.test_udp_relay import Scene as UdpScene

HEADER_BYTES = 28


@pytest.fixture
def tcp() -> Iterator[TcpScene]:
    scene = TcpScene(servers=2, protocol=Protocol.TCP, proxy_protocol=True)
    yield scene
    scene.__exit__(None, None, None)


@pytest.fixture
def udp() -> Iterator[UdpScene]:
    scene = UdpScene(servers=1, proxy_protocol=True)
    yield scene
    scene.close()


def expected(protocol: Protocol, client: socket.socket) -> bytes:
    port = 80 if protocol is Protocol.TCP else 53
    return ProxyHeader(protocol, ("127.0.0.1", port)).header_for(client.getsockname())


def test_server_is_told_before_the_client_says_anything(tcp):
    """Servers that speak first wait for the header only."""
    client = tcp.connect()
    server = tcp.server.accept()
    assert server.wait_for_bytes(HEADER_BYTES) == expected(Protocol.TCP, client.sock)
    server.send(b"220 ready")
    assert client.wait_for(b"ready")
    client.send(b"hello")
    assert server.wait_for(b"hello") == b"hello"
    counters = tcp.service.report()
    assert (counters["bytes_in"], counters["bytes_out"]) == (5, 9)


def test_next_server_is_told_anew_when_the_first_refuses(tcp):
    tcp.servers[0].close()
    client = tcp.connect()
    server = tcp.servers[1].accept()
    client.send(b"hello")
    told = server.wait_for(b"hello")
    assert told == expected(Protocol.TCP, client.sock) + b"hello"


def test_server_that_resets_at_once_costs_its_client_only(tcp):
    client = tcp.connect()
    server: Peer = tcp.servers[0].accept()
    server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    server.close()
    client.wait_for_end()
    other = tcp.connect()
    assert next_server(tcp.servers).wait_for_bytes(HEADER_BYTES) == expected(
        Protocol.TCP, other.sock
    )


def next_server(servers: list[ScriptedServer]) -> Peer:
    """Return the connection of whichever server has the next one."""
    found: list[Peer] = []

    def has_come() -> bool:
        found.extend(peer for each in servers if (peer := each.try_accept()))
        return bool(found)

    servers[0].scene.wait(has_come, lambda: "a connection to either server")
    return found[0]


def test_each_datagram_has_the_header_and_answers_have_none(udp):
    client = udp.client()
    head = None
    for data in (b"one", b"", b"three"):
        client.sendto(data, udp.address)
        _, (packet, proxy) = udp.receive(udp.servers[0])
        head = ProxyHeader(Protocol.UDP, ("127.0.0.1", 53)).header_for(client.getsockname())
        assert packet == head + data
        udp.servers[0].sendto(b"answer", proxy)
        assert udp.receive(client)[1][0] == b"answer"
    assert udp.service.report()["bytes_in"] == len(b"onethree")


def test_datagram_without_room_for_the_header_is_dropped_and_the_session_goes_on(udp):
    client = udp.client()
    client.sendto(b"x" * 65507, udp.address)
    client.sendto(b"fits", udp.address)
    packet = udp.receive(udp.servers[0])[1][0]
    assert packet[HEADER_BYTES:] == b"fits"
    counters = udp.service.report()
    assert (counters["packets_dropped"], counters["servers"]["i-0"]["failures"]) == (1, 0)


def test_listeners_of_requests_have_no_header():
    scene = TcpScene(proxy_protocol=True)
    try:
        assert scene.service.plan.proxy_header is None
    finally:
        scene.__exit__(None, None, None)

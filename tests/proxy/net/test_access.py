"""Access lists at the sockets: who is turned away, when, and what stays open."""

import socket

import pytest

from proxy.snapshot import Access, AccessKind, Protocol
from tests.proxy.net.http_scene import Peer, Scene
from tests.proxy.net.test_udp_relay import Scene as UdpScene

HERE = Access(AccessKind.DENY, ("127.0.0.1/32",))
ELSEWHERE = Access(AccessKind.DENY, ("127.0.0.2/32",))
NEIGHBOUR = "127.0.0.2"


def knock(scene: Scene, source: str = "127.0.0.1") -> Peer:
    """Connect without waiting for the proxy to accept it."""
    sock = socket.create_connection(scene._address, source_address=(source, 0))
    return scene.adopt(Peer(scene, sock))


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.HTTP])
def test_who_is_denied_is_reset_before_anything_is_read(protocol):
    with Scene(protocol=protocol, access=HERE) as scene:
        client = knock(scene)
        assert client.wait_for_end() == b""
        assert client.was_reset
        counters = scene.service.report()
        assert (counters["denied"], counters["accepted"], counters["active"]) == (1, 0, 0)
        assert scene.server.try_accept() is None


def test_others_are_served_meanwhile():
    with Scene(protocol=Protocol.TCP, access=ELSEWHERE) as scene:
        assert knock(scene, NEIGHBOUR).wait_for_end() == b""
        client = scene.connect()
        client.send(b"hello")
        assert scene.server.accept().wait_for(b"hello")


def test_an_allow_list_lets_its_own_in_and_nobody_else():
    with Scene(access=Access(AccessKind.ALLOW, ("127.0.0.1/32", "10.0.0.0/8"))) as scene:
        client = scene.connect()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert scene.server.accept().wait_for_head()
        assert knock(scene, NEIGHBOUR).wait_for_end() == b""


def test_a_change_concerns_new_connections_only():
    with Scene(protocol=Protocol.TCP) as scene:
        client = scene.connect()
        server = scene.server.accept()
        scene.adopt_weights([100], access=HERE)
        client.send(b"still here")
        assert server.wait_for(b"still here")
        assert knock(scene).wait_for_end() == b""
        scene.adopt_weights([100], access=None)
        scene.connect()
        assert scene.server.accept()


def test_a_burst_of_denied_clients_keeps_nobody_waiting():
    """The turn of others comes in the same wake: nothing is started for who is denied."""
    with Scene(protocol=Protocol.TCP, access=ELSEWHERE) as scene:
        denied = [knock(scene, NEIGHBOUR) for _ in range(40)]
        client = scene.connect()
        client.send(b"me")
        assert scene.server.accept().wait_for(b"me")
        for each in denied:
            each.wait_for_end()
        assert scene.service.report()["denied"] == 40


def test_packets_of_a_denied_address_open_no_session():
    scene = UdpScene(access=HERE)
    client = scene.client()
    client.sendto(b"x", scene.address)
    scene.wait(lambda: scene.service.counters.denied == 1, "the refusal")
    assert not scene.service.sessions
    assert scene.service.counters.packets_dropped == 1
    scene.close()


def test_a_session_outlives_the_list_that_denies_it():
    scene = UdpScene()
    client = scene.client()
    client.sendto(b"x", scene.address)
    scene.wait(lambda: scene.service.counters.packets_in == 1, "the packet")
    scene.options = {"access": HERE}
    scene.adopt(100, 100)
    client.sendto(b"y", scene.address)
    scene.wait(lambda: scene.service.counters.packets_in == 2, "the next packet")
    stranger = scene.client()
    stranger.sendto(b"z", scene.address)
    scene.wait(lambda: scene.service.counters.denied == 1, "the refusal")
    scene.close()

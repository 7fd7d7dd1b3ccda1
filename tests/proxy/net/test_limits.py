"""Limits of a specification at the sockets: what is over them is turned away, and counted."""

import os
import socket

import pytest

from proxy.core.reasons import Reason
from proxy.net.allowance import Allowance
from proxy.net.ledger import Ledger, create_ledger
from proxy.snapshot import Limits, Protocol
from tests.proxy.net.http_scene import Peer, Scene
from tests.proxy.net.test_udp_relay import Scene as UdpScene

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Clock:
    """Time that stands still until a test moves it."""

    now = 100.0


def limit(service, limits: Limits, clock: Clock | None = None) -> Clock:
    """Put limits in force as the server does, with a clock of the test's own."""
    clock = clock or Clock()
    service.allowance = Allowance(limits, clock)
    service.allowance.services = {service}
    return clock


def knock(scene: Scene) -> Peer:
    return scene.adopt(Peer(scene, socket.create_connection(scene._address)))


def served(scene: Scene, client: Peer) -> bytes:
    """Send a request whose server answers, and return the answer's head."""
    seen = len(scene.server.accepted)
    client.send(REQUEST)
    client.scene.wait(
        lambda: answer_all(scene) or client.take() or client.received, lambda: "an answer"
    )
    assert len(scene.server.accepted) >= seen
    return client.wait_for_response()[0]


def answer_all(scene: Scene) -> None:
    scene.server.try_accept()
    for peer in scene.server.accepted:
        if peer.take() and peer.received.endswith(b"\r\n\r\n"):
            peer.received.clear()
            peer.send(ANSWER)


def test_over_the_connections_tcp_is_reset_and_a_place_that_is_left_is_given_again():
    with Scene(protocol=Protocol.TCP) as scene:
        limit(scene.service, Limits(connections=2))
        first, _ = scene.connect(), scene.connect()
        third = knock(scene)
        assert third.wait_for_end() == b""
        assert third.was_reset
        counters = scene.service.report()
        assert (counters["over_connections"], counters["accepted"]) == (1, 2)
        first.close()
        for server in [scene.server.accept(), scene.server.accept()]:
            server.close()
        scene.wait(lambda: len(scene.service.connections) == 1, lambda: "the end")
        scene.connect()


def test_over_the_connections_http_is_answered_503_with_the_reason():
    with Scene() as scene:
        limit(scene.service, Limits(connections=1))
        scene.connect()
        client = knock(scene)
        head, body = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"X-OpenCLB-Reason: too_many_connections\r\n" in head
        assert b"Retry-After: 1\r\n" in head
        assert b"Connection: close\r\n" in head
        assert b"reason: too_many_connections" in body
        assert client.wait_for_end() == b""
        assert scene.service.report()["over_connections"] == 1


def test_the_answer_reaches_a_client_that_has_sent_its_request_already():
    with Scene() as scene:
        limit(scene.service, Limits(connections=1))
        scene.connect()
        sock = socket.create_connection(scene._address)
        sock.sendall(REQUEST)
        client = scene.adopt(Peer(scene, sock))
        assert client.wait_for_response()[0].startswith(b"HTTP/1.1 503 ")
        assert client.wait_for_end() == b""
        assert not client.was_reset


def test_a_crowd_over_the_limit_is_not_explained_to_one_by_one():
    """Whoever is answered holds a place for a moment; that is bounded, too."""
    with Scene() as scene:
        limit(scene.service, Limits(connections=1))
        scene.connect()
        crowd = [knock(scene) for _ in range(60)]
        scene.wait(lambda: scene.service.counters.over_connections == 60, lambda: "sixty refusals")
        assert len(scene.service.connections) <= 1 + 32
        assert sum(b"503" in client.wait_for_end() for client in crowd) >= 16


def test_new_connections_are_limited_by_the_second():
    with Scene(protocol=Protocol.TCP) as scene:
        clock = limit(scene.service, Limits(connections_per_s=3))
        crowd = [knock(scene) for _ in range(5)]
        scene.wait(lambda: scene.service.counters.over_new_connections == 2, lambda: "two refusals")
        assert scene.service.counters.accepted == 3
        clock.now += 1
        scene.connect()
        assert sum(client.take() == 0 and client.was_reset for client in crowd) >= 2


@pytest.mark.parametrize("options", [{}, {"forwarded_proto": True}], ids=["lane", "exchange"])
def test_requests_are_limited_by_the_second(options):
    """The short way of simple requests and the ordinary one count alike."""
    with Scene(**options) as scene:
        clock = limit(scene.service, Limits(requests_per_s=3))
        client = scene.connect()
        for _ in range(3):
            assert served(scene, client).startswith(b"HTTP/1.1 200 ")
        client.send(REQUEST)
        head, _ = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"X-OpenCLB-Reason: too_many_requests\r\n" in head
        assert b"Retry-After: 1\r\n" in head
        assert scene.service.report()["over_requests"] == 1
        clock.now += 1
        assert served(scene, client).startswith(b"HTTP/1.1 200 "), "the connection goes on"


def test_udp_sessions_have_the_limits_of_connections():
    scene = UdpScene()
    clock = limit(scene.service, Limits(connections=2, connections_per_s=2))
    for _ in range(3):
        scene.client().sendto(b"x", scene.address)
    scene.wait(lambda: scene.service.counters.over_connections == 1, "the refusal")
    assert len(scene.service.sessions) == 2
    limit(scene.service, Limits(connections_per_s=1), clock)
    for _ in range(2):
        scene.client().sendto(b"x", scene.address)
    scene.wait(lambda: scene.service.counters.over_new_connections == 1, "the refusal")
    assert scene.service.counters.packets_dropped == 2
    scene.close()


def test_workers_share_the_limits_of_their_node():
    """What one has open or has used is missing for the other, wherever the kernel sends clients."""
    memory = create_ledger(2)
    limits = Limits(connections=3, connections_per_s=4, requests_per_s=4)
    clock = Clock()
    one, two = (Allowance(limits, clock, Ledger(memory, 2, index), row=5) for index in range(2))

    class Service:
        def __init__(self, number: int) -> None:
            self.connections = set(range(number))

    one.services = {Service(2)}
    one.count_open()
    two.services = {Service(1)}
    assert two.refusal() is Reason.TOO_MANY_CONNECTIONS
    two.services = {Service(0)}
    assert [two.refusal(), two.refusal(), two.refusal(), two.refusal()] == [None] * 4
    assert one.count_open() == 2
    assert one.refusal() is Reason.TOO_MANY_NEW_CONNECTIONS
    assert [one.takes_request() for _ in range(3)] == [True] * 3
    assert [two.takes_request() for _ in range(2)] == [True, False]
    os.close(memory)

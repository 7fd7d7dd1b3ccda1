"""Accepting: how it pauses when descriptors run short, and goes on."""

import socket

import pytest

from proxy.net.listeners import DescriptorGuard
from proxy.snapshot import Protocol
from tests.proxy.net.http_scene import Scene


@pytest.fixture
def scene():
    with Scene(protocol=Protocol.TCP) as made:
        yield made


def test_accepting_pauses_near_the_limit_and_resumes_with_room(scene):
    """Fault plan 17: no busy loop, a reserve stays, existing traffic flows."""
    with socket.socket() as probe:
        lowest = probe.fileno()
    guard = DescriptorGuard(limit=lowest + 60)
    scene.service._guard = guard
    assert guard.high_water < lowest + 60 - 31
    clients = []
    while not scene.service.is_paused:
        clients.append(scene.connect())
    assert len(clients) < 60
    client, server = clients[0], scene.server.accept()
    client.send(b"x")
    assert server.wait_for(b"x")
    waiting = socket.create_connection(scene._address)
    scene.settle()
    scene.service.resume()
    assert scene.service.is_paused
    assert scene.service.report()["paused"] == 1
    for each in [*clients, *scene.server.accepted]:
        each.sock.close()
    accepted = scene.service.counters.accepted

    def resumed() -> bool:
        scene.service.resume()
        return scene.service.counters.accepted > accepted

    scene.wait(resumed, lambda: "accepting to go on")
    waiting.close()


def test_socket_that_the_parent_stopped_is_let_go(scene):
    scene._front.shutdown(socket.SHUT_RDWR)
    scene.wait(lambda: not scene.service.is_open, lambda: "the socket to be let go")


def test_new_socket_takes_the_place_of_the_old_one(scene):
    fresh = socket.create_server(("127.0.0.1", 0))
    scene._address = fresh.getsockname()
    scene.service.open(fresh)
    scene.connect()
    assert scene.server.accept()

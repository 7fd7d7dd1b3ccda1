"""Two-group failover over real sockets: connections stay, packets move, and who serves is told."""

from collections.abc import Callable, Iterator

import pytest

from proxy.snapshot import CheckKind, Failover, HealthCheck, HealthStatus, Protocol
from tests.proxy.net.http_scene import Scene as TcpScene
from tests.proxy.net.test_udp_relay import Scene as UdpScene

CHECK = HealthCheck(CheckKind.TCP, 2, 5, 3, 3)
UP, DOWN = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY


@pytest.fixture
def new_tcp_scene() -> Iterator[Callable[..., TcpScene]]:
    scenes: list[TcpScene] = []

    def make(hold_s: int = 3600) -> TcpScene:
        scene = TcpScene(
            servers=2,
            groups={"rsp-1": [0], "rsp-2": [1]},
            protocol=Protocol.TCP,
            health_check=CHECK,
            failover=Failover("rsp-2", 1, hold_s),
        )
        scenes.append(scene)
        scene.tell(UP, UP)
        return scene

    yield make
    for scene in scenes:
        scene.__exit__(None, None, None)


def test_new_connections_go_to_the_second_group_and_open_ones_stay(new_tcp_scene):
    """S25, issue 3."""
    scene = new_tcp_scene()
    first = scene.connect()
    at_first = scene.servers[0].accept()
    scene.tell(DOWN, UP)
    second = scene.connect()
    at_second = scene.servers[1].accept()
    for client, server in ((first, at_first), (second, at_second)):
        client.send(b"still here?")
        assert server.wait_for(b"still here?")
    assert scene.service.report()["failed_over"] == 1


def test_first_group_is_back_after_the_hold_time_alone(new_tcp_scene):
    scene = new_tcp_scene(hold_s=0)
    scene.tell(DOWN, UP)
    scene.connect()
    scene.servers[1].accept()
    scene.tell(UP, UP)
    scene.service.tend()
    assert scene.service.report()["failed_over"] == 0
    scene.connect()
    scene.servers[0].accept()


def test_packets_of_an_open_session_move_with_the_turn():
    """A session that never pauses must not stay in a group that is out of turn."""
    scene = UdpScene(
        servers=2,
        groups={"rsp-1": [0], "rsp-2": [1]},
        health_check=CHECK,
        failover=Failover("rsp-2", 1, 0),
    )
    try:
        scene.tell(UP, UP)
        client = scene.client()
        assert scene.ask(client) == 0
        scene.tell(DOWN, UP)
        assert scene.ask(client) == 1
        scene.tell(UP, UP)
        scene.service.tend()
        assert scene.ask(client) == 0
    finally:
        scene.close()

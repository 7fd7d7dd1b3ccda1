"""Draining over real sockets: what is open has the timeout and then ends; new work goes away."""

import time
from collections.abc import Callable, Iterator

import pytest

from proxy.net import draining
from proxy.snapshot import CheckKind, HealthCheck, HealthStatus, Protocol
from tests.proxy.net.http_scene import Peer
from tests.proxy.net.http_scene import Scene as TcpScene
from tests.proxy.net.test_udp_relay import Scene as UdpScene

CHECK = HealthCheck(CheckKind.TCP, 2, 5, 3, 3)
UP, DOWN = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
TIMEOUT_S = 600


class Clock:
    """Monotonic time that a test may put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(draining, "time", found)
    return found


@pytest.fixture
def new_scene() -> Iterator[Callable[..., TcpScene]]:
    scenes: list[TcpScene] = []

    def make(**options: object) -> TcpScene:
        given = {"protocol": Protocol.TCP, "drain_timeout_s": TIMEOUT_S} | options
        scenes.append(TcpScene(servers=2, **given))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.__exit__(None, None, None)


def relayed(scene: TcpScene, at: int) -> tuple[Peer, Peer]:
    """Return both ends of a connection that the proxy knows to be there: bytes have passed."""
    pair = scene.connect(), scene.servers[at].accept()
    assert_alive(*pair)
    return pair


def assert_alive(client: Peer, server: Peer) -> None:
    client.send(b"there?")
    assert server.wait_for(b"there?") == b"there?"


def leave_by_removal(scene: TcpScene) -> None:
    scene.removed.add(0)
    scene.adopt_weights([100, 100])


def leave_by_weight(scene: TcpScene) -> None:
    scene.adopt_weights([0, 100])


def leave_by_health(scene: TcpScene) -> None:
    scene.tell(DOWN, UP)


LEAVING = [
    pytest.param(leave_by_removal, id="removed"),
    pytest.param(leave_by_weight, id="weight-0"),
    pytest.param(leave_by_health, id="unhealthy"),
]


@pytest.mark.parametrize("leave", LEAVING)
def test_open_connections_have_the_timeout(new_scene, clock, leave):
    scene = new_scene(health_check=CHECK)
    scene.tell(UP, UP)
    pairs = [relayed(scene, 0), relayed(scene, 1)]
    leave(scene)
    scene.service.tend()
    assert scene.service.report()["servers"]["i-0"]["draining"] == 1
    relayed(scene, 1)
    clock.ahead_s = TIMEOUT_S - 100
    scene.service.tend()
    for pair in pairs:
        assert_alive(*pair)
    clock.ahead_s = TIMEOUT_S
    scene.service.tend()
    client, server = pairs[0]
    client.wait_for_end()
    server.wait_for_end()
    assert_alive(*pairs[1])
    assert len(scene.service.connections) == 2


@pytest.mark.parametrize("leave", LEAVING[1:])
def test_server_that_is_back_in_time_keeps_its_connections(new_scene, clock, leave):
    scene = new_scene(health_check=CHECK)
    scene.tell(UP, UP)
    pair = relayed(scene, 0)
    leave(scene)
    scene.service.tend()
    scene.adopt_weights([100, 100])
    scene.tell(UP, UP)
    scene.service.tend()
    clock.ahead_s = 2 * TIMEOUT_S
    scene.service.tend()
    assert_alive(*pair)
    assert scene.service.report()["servers"]["i-0"]["draining"] == 0


def test_server_that_is_added_again_in_time_keeps_its_connections(new_scene, clock):
    scene = new_scene()
    pair = relayed(scene, 0)
    leave_by_removal(scene)
    scene.removed.clear()
    scene.adopt_weights([100, 100])
    clock.ahead_s = 2 * TIMEOUT_S
    scene.service.tend()
    assert_alive(*pair)


@pytest.mark.parametrize("leave", LEAVING[1:])
def test_without_draining_weight_0_and_failed_checks_end_nothing(new_scene, clock, leave):
    """C3, S105, slb-rpc-api 5.4."""
    scene = new_scene(health_check=CHECK, drain_timeout_s=None)
    scene.tell(UP, UP)
    pair = relayed(scene, 0)
    leave(scene)
    clock.ahead_s = 2 * TIMEOUT_S
    scene.service.tend()
    assert_alive(*pair)


def test_draining_that_is_turned_off_spares_nobody_any_more(new_scene):
    scene = new_scene()
    client, _ = relayed(scene, 0)
    leave_by_removal(scene)
    scene.adopt_weights([100, 100], drain_timeout_s=None)
    client.wait_for_end()


def test_udp_session_of_a_removed_server_has_the_timeout(clock):
    scene = UdpScene(servers=2, drain_timeout_s=TIMEOUT_S)
    try:
        client = scene.client()
        assert scene.ask(client) == 0
        scene.adopt(None, 100)
        assert scene.ask(client) == 0
        assert scene.ask(scene.client()) == 1
        clock.ahead_s = TIMEOUT_S
        scene.service.tend()
        assert scene.ask(client) == 1
    finally:
        scene.close()


def test_udp_session_of_a_server_that_is_down_moves_at_once():
    """A dead server could do nothing with its packets."""
    scene = UdpScene(servers=2, drain_timeout_s=TIMEOUT_S, health_check=CHECK)
    try:
        scene.tell(UP, UP)
        client = scene.client()
        first = scene.ask(client)
        scene.tell(*(DOWN if at == first else UP for at in range(2)))
        scene.service.tend()
        assert scene.ask(client) == 1 - first
    finally:
        scene.close()


def test_udp_session_at_weight_0_has_the_timeout(clock):
    scene = UdpScene(servers=2, drain_timeout_s=TIMEOUT_S)
    try:
        client = scene.client()
        assert scene.ask(client) == 0
        scene.adopt(0, 100)
        scene.service.tend()
        assert scene.ask(client) == 0
        clock.ahead_s = TIMEOUT_S
        scene.service.tend()
        assert scene.ask(client) == 1
    finally:
        scene.close()

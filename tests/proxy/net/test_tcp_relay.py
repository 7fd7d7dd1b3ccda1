"""TCP through the proxy over real sockets: both ways, both ends, and servers that are not there."""

import contextlib
import socket
import struct

import pytest

from proxy.core.generation import build_generation
from proxy.snapshot import Protocol
from tests.proxy.net.http_scene import Peer, Scene

RESET = struct.pack("ii", 1, 0)
pytestmark = pytest.mark.usefixtures("relaying")


@pytest.fixture
def new_scene():
    scenes: list[Scene] = []

    def make(servers: int = 1, **options: object) -> Scene:
        scenes.append(Scene(servers=servers, protocol=Protocol.TCP, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.__exit__(None, None, None)


def reset(peer: Peer) -> None:
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


def relayed(scene: Scene) -> tuple[Peer, Peer]:
    client = scene.connect()
    return client, scene.server.accept()


def wait_closed(scene: Scene) -> None:
    scene.wait(lambda: not scene.service.connections, lambda: "the relay to end")


def test_bytes_go_both_ways_and_are_counted(new_scene):
    scene = new_scene()
    client, server = relayed(scene)
    client.send(b"ping")
    assert server.wait_for(b"ping") == b"ping"
    server.send(b"pong!")
    assert client.wait_for(b"pong!") == b"pong!"
    counters = scene.service.report()
    assert (counters["bytes_in"], counters["bytes_out"]) == (4, 5)
    assert (counters["accepted"], counters["active"]) == (1, 1)
    assert counters["servers"]["i-0"] == {
        "connections": 1,
        "active": 1,
        "requests": 0,
        "failures": 0,
        "bytes_in": 4,
        "bytes_out": 5,
        "draining": 0,
    }


@pytest.mark.parametrize("first", ["client", "server"])
def test_half_close_is_passed_on_and_the_other_direction_goes_on(new_scene, first):
    scene = new_scene()
    client, server = relayed(scene)
    ends, stays = (client, server) if first == "client" else (server, client)
    ends.send(b"last words")
    ends.shut_down()
    assert stays.wait_for_end() == b"last words"
    stays.send(b"an answer")
    assert ends.wait_for(b"an answer") == b"an answer"
    assert scene.service.connections
    stays.shut_down()
    assert ends.wait_for_end() == b""
    wait_closed(scene)
    assert scene.service.report()["servers"]["i-0"]["active"] == 0


@pytest.mark.parametrize("first", ["client", "server"])
def test_reset_is_passed_on_as_a_reset(new_scene, first):
    """A server that is cut in mid-stream must never look like a clean end."""
    scene = new_scene()
    client, server = relayed(scene)
    breaks, other = (client, server) if first == "client" else (server, client)
    breaks.send(b"half of it")
    other.wait_for(b"half of it")
    reset(breaks)
    other.wait_for_end()
    assert other.was_reset
    wait_closed(scene)


def test_reset_after_half_close_is_noticed(new_scene):
    scene = new_scene()
    client, server = relayed(scene)
    client.shut_down()
    server.wait_for_end()
    reset(client)
    wait_closed(scene)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        server.sock.send(b"x")


@pytest.mark.parametrize("sender", ["client", "server"])
def test_slow_receiver_stops_the_sender_and_gets_everything(new_scene, sender):
    """Backpressure: what is unsent is bounded by one buffer, however much the sender has."""
    scene = new_scene()
    client, server = relayed(scene)
    source, sink = (client, server) if sender == "client" else (server, client)
    data = bytes(range(256)) * 4096 * 24
    sent = 0
    idle = 0
    while idle < 50:
        try:
            sent += source.sock.send(data[sent : sent + 65536])
            idle = 0
        except BlockingIOError:
            idle += 1
        scene.turn()
    assert sent < len(data), "the kernel's buffers took everything"
    view = memoryview(data)[sent:]

    def step() -> bool:
        nonlocal view
        sink.take()
        with contextlib.suppress(BlockingIOError):
            view = view[source.sock.send(view[:65536]) :] if view else view
        return len(sink.received) == len(data)

    scene.wait(step, lambda: f"{len(data)} bytes, not {len(sink.received)}")
    assert sink.received == data


def test_end_waits_for_the_unsent_tail(new_scene):
    scene = new_scene()
    client, server = relayed(scene)
    sent = 0
    block = b"x" * 65536
    for _ in range(400):
        with contextlib.suppress(BlockingIOError):
            sent += client.sock.send(block)
        scene.turn()
    client.shut_down()
    scene.settle()
    assert len(server.wait_for_end()) == sent


def test_client_data_sent_before_the_server_took_the_connection_is_not_lost(new_scene):
    scene = new_scene()
    sock = socket.create_connection(scene._address)
    sock.sendall(b"early")
    sock.shutdown(socket.SHUT_WR)
    client = scene.adopt(Peer(scene, sock))
    server = scene.server.accept()
    assert server.wait_for_end() == b"early"
    server.send(b"late")
    server.close()
    assert client.wait_for_end() == b"late"


def test_refusing_server_is_passed_over(new_scene):
    scene = new_scene(servers=3)
    scene.servers[0].close()
    scene.servers[1].close()
    for _ in range(6):
        client = scene.connect()
        server = scene.servers[2].accept()
        client.send(b"x")
        assert server.wait_for(b"x")
    counted = scene.service.report()["servers"]
    assert counted["i-2"]["connections"] == 6
    assert counted["i-0"]["failures"] == counted["i-1"]["failures"] == 1


def test_closes_at_once_when_every_server_refuses(new_scene):
    scene = new_scene(servers=2)
    for each in scene.servers:
        each.close()
    assert scene.connect().wait_for_end() == b""
    wait_closed(scene)


def test_server_that_swallows_the_connect_is_given_up_in_time(new_scene):
    scene = new_scene(servers=2, connect_timeout_s=0.2)
    silent = scene.servers[0]
    silent.listening.listen(0)
    # A full backlog makes the kernel drop further requests to connect.
    blockers = [socket.socket() for _ in range(3)]
    for each in blockers:
        each.setblocking(False)
        each.connect_ex(silent.listening.getsockname())
    for _ in range(2):
        client = scene.connect()
        server = scene.servers[1].accept()
        client.send(b"x")
        assert server.wait_for(b"x")
    for each in blockers:
        each.close()


def test_idle_connection_is_reset_and_traffic_keeps_it(new_scene):
    scene = new_scene(idle_timeout_s=0.5)
    client, server = relayed(scene)
    wheel = scene.reactor.deadlines
    now = wheel.now
    wheel._clock = lambda: now  # a pause of the machine is no pause of the client
    for _ in range(12):
        client.send(b"x")
        server.wait_for(b"x")
        now += 0.1
        wheel.advance()
    assert scene.service.connections
    now += 1.0
    client.wait_for_end()
    assert client.was_reset
    server.wait_for_end()
    assert server.was_reset


def test_weight_zero_keeps_open_connections_and_gets_no_new_ones(new_scene):
    scene = new_scene(servers=2)
    client = scene.connect()
    server = scene.servers[0].accept()
    scene.adopt_weights([0, 100])
    client.send(b"still here")
    assert server.wait_for(b"still here")
    for _ in range(4):
        scene.connect()
        scene.servers[1].accept()
    assert scene.servers[0].try_accept() is None


def test_removed_server_loses_its_connections_and_no_other_does(new_scene):
    scene = new_scene(servers=2)
    first, second = scene.connect(), scene.connect()
    scene.servers[0].accept(), scene.servers[1].accept()
    scene.removed.add(0)
    scene._generation = build_generation(scene.snapshot(), scene._generation)
    scene.service.adopt(scene._generation.listeners["lsn-1"])
    first.wait_for_end()
    assert first.was_reset
    second.send(b"x")
    assert scene.servers[1].accepted[0].wait_for(b"x")
    assert set(scene.service.report()["servers"]) == {"i-1"}


def test_closed_service_accepts_no_more_and_keeps_what_is_open(new_scene):
    scene = new_scene()
    client, server = relayed(scene)
    scene.service.close()
    client.send(b"x")
    assert server.wait_for(b"x")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(scene._address)
    scene.service.abort()
    client.wait_for_end()
    assert client.was_reset

"""The bandwidth of a listener: nothing is lost, all have turns, packets over it are dropped."""

import random
from dataclasses import replace

import pytest

from proxy.net.deadlines import DeadlineWheel
from proxy.net.reactor import Reactor
from proxy.net.server import ProxyServer
from proxy.net.shaper import Shaper, bandwidth_buckets
from proxy.snapshot import Limits, Protocol, Snapshot
from tests.proxy.net.http_scene import Peer, Scene
from tests.proxy.net.test_udp_relay import Scene as UdpScene

MEGABIT = 125_000
"""Bytes that one megabit a second lets through in a second."""
DATA = random.Random(7).randbytes(5 * MEGABIT)


class Time:
    """A clock in the hands of the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shape(scene: Scene | UdpScene, mbps: int = 1) -> Time:
    """Limit the scene's listener as the server does; its time is only moved by the test."""
    time = Time()
    scene.reactor.deadlines = DeadlineWheel(0.02, clock=time)
    scene.service.limit_bandwidth(Shaper(mbps, scene.reactor.deadlines))
    return time


class Stream:
    """Data on its way through the proxy."""

    def __init__(self, source: Peer, sink: Peer, data: bytes = DATA) -> None:
        self.scene = source.scene
        self.source, self.sink = source, sink
        self._left = memoryview(data)

    def pump(self) -> None:
        """Send and take what goes now."""
        try:
            if self._left:
                self._left = self._left[self.source.sock.send(self._left) :]
        except BlockingIOError:
            pass
        self.sink.take()

    def wait(self, size: int) -> None:
        """Wait until so much has arrived, and then until nothing more comes for a while."""

        def has_come() -> bool:
            self.pump()
            return len(self.sink.received) >= size

        self.scene.wait(has_come, lambda: f"{size} bytes, not {len(self.sink.received)}")
        for _ in range(50):
            self.pump()
            self.scene.turn()


def advance(time: Time, seconds: float, scene: Scene) -> None:
    """Let time pass as it does, tick by tick."""
    for _ in range(round(seconds / 0.02)):
        time.now += 0.02
        scene.turn()


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_stream_gets_the_limit_each_way_and_loses_nothing(sender):
    with Scene(protocol=Protocol.TCP) as scene:
        time = shape(scene)
        client, server = scene.connect(), scene.server.accept()
        source, sink = (client, server) if sender == "client" else (server, client)
        stream = Stream(source, sink)
        slack = 2 * scene.service.shaper.inward.read_bytes
        for second in range(1, 5):
            stream.wait(second * MEGABIT - slack)
            assert len(sink.received) <= second * MEGABIT + slack
            advance(time, 1, scene)
        advance(time, 2, scene)
        stream.wait(len(DATA))
        assert bytes(sink.received) == DATA


def test_the_other_direction_has_a_limit_of_its_own():
    with Scene(protocol=Protocol.TCP) as scene:
        shape(scene)
        client, server = scene.connect(), scene.server.accept()
        Stream(client, server).wait(MEGABIT - 20_000)
        Stream(server, client).wait(MEGABIT - 20_000)


def test_half_close_waits_for_the_last_bytes():
    with Scene(protocol=Protocol.TCP) as scene:
        time = shape(scene)
        client, server = scene.connect(), scene.server.accept()
        stream = Stream(client, server, DATA[: MEGABIT + 50_000])
        stream.wait(MEGABIT - 20_000)
        scene.wait(lambda: stream.pump() or not stream._left, lambda: "all to be sent")
        client.shut_down()
        advance(time, 2, scene)
        assert server.wait_for_end() == DATA[: MEGABIT + 50_000]
        server.send(b"an answer")
        assert client.wait_for(b"an answer")


def test_who_waits_for_a_turn_is_not_idle():
    """A connection outlives its idle timeout while the limit keeps it back."""
    with Scene(protocol=Protocol.TCP, idle_timeout_s=1) as scene:
        time = shape(scene)
        client, server = scene.connect(), scene.server.accept()
        stream = Stream(client, server)
        stream.wait(MEGABIT - 20_000)
        scene.service.shaper.inward.spend(20 * MEGABIT)  # what others have used
        advance(time, 10, scene)
        assert scene.service.connections
        advance(time, 15, scene)
        stream.wait(2 * MEGABIT - 20_000)


def test_a_limit_that_is_lifted_lets_everybody_go():
    with Scene(protocol=Protocol.TCP) as scene:
        shape(scene)
        streams = [Stream(scene.connect(), scene.server.accept()) for _ in range(3)]

        def is_spent() -> bool:
            for stream in streams:
                stream.pump()
            return scene.service.counters.bytes_in >= MEGABIT - 20_000

        scene.wait(is_spent, lambda: "the limit to be reached")
        scene.service.limit_bandwidth(None)
        for stream in streams:
            stream.wait(len(DATA))
            assert bytes(stream.sink.received) == DATA


def test_connections_take_turns():
    with Scene(protocol=Protocol.TCP) as scene:
        time = shape(scene)
        streams = [Stream(scene.connect(), scene.server.accept()) for _ in range(4)]
        for _ in range(8):
            advance(time, 0.5, scene)
            for _ in range(30):
                for stream in streams:
                    stream.pump()
                scene.turn()

        def all_have_moved() -> bool:
            advance(time, 0.1, scene)
            for stream in streams:
                stream.pump()
            return min(len(stream.sink.received) for stream in streams) > MEGABIT // 2

        scene.wait(all_have_moved, lambda: "a turn for each")


def respond(scene: Scene, size: int) -> tuple[Peer, Peer]:
    """Return client and server of an exchange whose response has so many bytes to come."""
    client = scene.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server = scene.server.accept()
    server.wait_for_head()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    client.wait_for_head()
    return client, server


def test_a_response_is_shaped_whole_and_the_connection_goes_on():
    with Scene(bandwidth_mbps=1) as scene:
        time = shape(scene)
        client, server = respond(scene, len(DATA))
        stream = Stream(server, client)
        stream.wait(MEGABIT - 20_000)
        assert len(client.received) <= MEGABIT + 2 * scene.service.shaper.outward.read_bytes
        advance(time, 6, scene)
        stream.wait(len(DATA))
        assert bytes(client.received) == DATA
        client.received.clear()
        advance(time, 1, scene)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert client.wait_for(b"ok")


def test_a_request_body_is_shaped_whole():
    with Scene(bandwidth_mbps=1) as scene:
        time = shape(scene)
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(DATA))
        server = scene.server.accept()
        server.wait_for_head()
        stream = Stream(client, server)
        stream.wait(MEGABIT - 20_000)
        assert len(server.received) <= MEGABIT + 2 * scene.service.shaper.inward.read_bytes
        advance(time, 6, scene)
        stream.wait(len(DATA))
        assert bytes(server.received) == DATA


def test_pipelined_requests_wait_while_their_answers_would_be_too_much():
    with Scene(bandwidth_mbps=1) as scene:
        time = shape(scene)
        client = scene.connect()
        scene.service.shaper.outward.spend(3 * MEGABIT)
        client.send(2 * b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        scene.settle(50)
        assert scene.server.try_accept() is None
        advance(time, 3, scene)
        server = scene.server.accept()
        for _ in range(2):
            server.wait_for_head()
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            client.wait_for(b"ok")


def test_packets_over_the_limit_are_dropped_and_counted():
    scene = UdpScene(servers=1)
    time = shape(scene)
    client = scene.client()
    packet = bytes(1000)
    for number in range(1, 201):
        client.sendto(packet, scene.address)
        scene.wait(
            lambda number=number: (
                scene.service.counters.packets_in + scene.service.counters.over_bandwidth == number
            ),
            "the packet",
        )
    counters = scene.service.report()
    assert counters["packets_in"] == MEGABIT // 1000
    assert counters["over_bandwidth"] == counters["packets_dropped"] == 200 - MEGABIT // 1000
    time.now += 1
    scene.turn()
    client.sendto(packet, scene.address)
    scene.wait(lambda: scene.service.counters.packets_in == MEGABIT // 1000 + 1, "the next")
    scene.close()


# --- the bandwidth of the instance ---


def test_listeners_draw_from_one_bandwidth_of_their_instance():
    """What another listener of the instance has used is missing here, each way by itself."""
    with Scene(protocol=Protocol.TCP) as scene:
        time = shape(scene)
        wheel = scene.reactor.deadlines
        shared = bandwidth_buckets(1, wheel)
        other = Shaper(None, wheel, shares=shared)
        scene.service.limit_bandwidth(Shaper(50, wheel, shares=shared))
        slack = 2 * scene.service.shaper.inward.read_bytes
        other.inward.spend(MEGABIT // 2)
        client, server = scene.connect(), scene.server.accept()
        stream = Stream(client, server)
        stream.wait(MEGABIT // 2 - slack)
        assert len(server.received) <= MEGABIT // 2 + slack
        assert other.inward.is_spent()
        assert not other.outward.is_spent()
        advance(time, 6, scene)
        stream.wait(len(DATA))
        assert bytes(server.received) == DATA


def test_the_smaller_of_two_bandwidths_counts():
    with Scene(protocol=Protocol.TCP) as scene:
        shape(scene)
        wheel = scene.reactor.deadlines
        own = Shaper(1, wheel, shares=bandwidth_buckets(50, wheel))
        scene.service.limit_bandwidth(own)
        stream = Stream(scene.connect(), scene.server.accept())
        stream.wait(MEGABIT - 2 * own.inward.read_bytes)
        assert len(stream.sink.received) <= MEGABIT + 2 * own.inward.read_bytes


def test_packets_need_room_in_both():
    wheel = DeadlineWheel(0.02, clock=Time())
    shared = bandwidth_buckets(1, wheel)
    wide, narrow = Shaper(50, wheel, shares=shared), Shaper(1, wheel, shares=shared)
    assert wide.inward.admits(MEGABIT)
    assert not narrow.inward.admits(1), "the instance has no more"
    assert not wide.inward.admits(1)
    assert wide.outward.admits(1)


def instance(scene: Scene, mbps: int | None, own: int | None = None) -> Snapshot:
    """Return a snapshot of two listeners, one with a bandwidth of its own if any."""
    snapshot = scene.snapshot(bandwidth_mbps=own)
    second = replace(snapshot.listeners[0], id="lsn-2", port=81, bandwidth_mbps=None)
    listeners = (*snapshot.listeners, second)
    return replace(snapshot, listeners=listeners, limits=Limits(bandwidth_mbps=mbps))


def test_a_bandwidth_of_the_instance_comes_and_goes_with_its_snapshot():
    with Scene() as scene:
        server = ProxyServer(Reactor(DeadlineWheel(0.02)))
        server.adopt(instance(scene, None))
        one, two = (server._services["lb-1", id_] for id_ in ("lsn-1", "lsn-2"))
        assert one.shaper is two.shaper is one.allowance is None, "no limit costs nothing"
        assert one.plan.is_simple
        server.adopt(instance(scene, 8))
        assert one.shaper.shares is two.shaper.shares is not None
        assert not one.plan.is_simple, "simple requests would pass it by"
        assert one.take_pipe() is None
        kept = two.shaper
        server.adopt(instance(scene, 8, own=2))
        assert two.shaper is kept, "what was used is not forgotten"
        assert one.shaper.mbps == 2
        assert one.shaper.shares is kept.shares
        server.adopt(instance(scene, 9, own=2))
        assert one.shaper.shares is two.shaper.shares is not kept.shares
        server.adopt(instance(scene, None))
        assert one.shaper is two.shaper is None

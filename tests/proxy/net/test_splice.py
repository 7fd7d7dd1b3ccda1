"""Bulk goes through pipes and nothing is lost by it: bytes, ends, bounds and descriptors."""

import contextlib
import errno
import os
import socket
import struct

import pytest

from proxy.net import exchange, splice, tcp_relay
from proxy.net.shaper import Shaper
from proxy.net.splice import Pipe
from proxy.snapshot import Protocol
from tests.proxy.net.http_scene import Peer, Scene

DATA = os.urandom(1 << 16) * 64
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """One large read is enough, since how the kernel cuts things up is its own business."""
    for module in (exchange, tcp_relay):
        monkeypatch.setattr(module, "LARGE_READS", 1)


def carry(scene: Scene, source: Peer, sink: Peer, data: bytes) -> None:
    """See the data arrive as it was sent."""
    view = memoryview(data)

    def is_done() -> bool:
        nonlocal view
        with contextlib.suppress(BlockingIOError):
            view = view[source.sock.send(view) :] if view else view
        sink.take()
        return len(sink.received) >= len(data)

    scene.wait(is_done, lambda: f"{len(data)} bytes, not {len(sink.received)}")
    assert sink.received == data
    sink.received.clear()


def fill_up(scene: Scene, source: Peer) -> int:
    """Send until nothing moves any more and return how much went."""
    sent, stuck = 0, 0
    while stuck < 200:
        try:
            sent += source.sock.send(bytes(65536))
            stuck = 0
        except BlockingIOError:
            stuck += 1
        scene.turn()
    return sent


def sides(scene: Scene):
    (relay,) = scene.service.connections
    return relay._client, relay._server


@pytest.fixture
def tcp():
    with Scene(protocol=Protocol.TCP) as scene:
        client = scene.connect()
        yield scene, client, scene.server.accept()


class Pipes:
    """Which pipes were made, and which of them are closed again, by their descriptors."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed: list[int] = []


@pytest.fixture
def pipes(monkeypatch):
    seen, make, close = Pipes(), Pipe.__init__, Pipe.close

    def note_made(pipe: Pipe, pool: splice.PipePool) -> None:
        make(pipe, pool)
        seen.made.append(pipe.read_end)

    def note_closed(pipe: Pipe) -> None:
        close(pipe)
        seen.closed.append(pipe.read_end)

    monkeypatch.setattr(Pipe, "__init__", note_made)
    monkeypatch.setattr(Pipe, "close", note_closed)
    return seen


def test_bulk_is_spliced_both_ways_and_counted(tcp, pipes):
    scene, client, server = tcp
    carry(scene, client, server, DATA)
    carry(scene, server, client, DATA)
    assert pipes.made
    counters = scene.service.report()
    assert counters["bytes_in"] == counters["bytes_out"] == len(DATA)


def test_small_pieces_need_no_pipe(tcp, pipes):
    scene, client, server = tcp
    for _ in range(20):
        carry(scene, client, server, b"x" * 1000)
    assert not pipes.made


def test_connections_hold_no_pipe_once_everything_is_delivered(tcp):
    scene, client, server = tcp
    carry(scene, client, server, DATA)
    assert [type(side.unsent) for side in sides(scene)] == [bytearray, bytearray]


def test_slow_receiver_leaves_the_rest_in_a_pipe_and_ends_are_passed_on_behind_it(tcp):
    scene, client, server = tcp
    carry(scene, server, client, DATA)
    sent = fill_up(scene, server)
    assert isinstance(sides(scene)[0].unsent, Pipe)
    assert 0 < len(sides(scene)[0].unsent) <= 2 * splice.PIPE_BYTES
    server.shut_down()
    assert len(client.wait_for_end()) == sent
    client.send(b"bye")
    assert server.wait_for(b"bye")


@pytest.mark.parametrize("leaves", ["client", "proxy"])
def test_pipe_is_closed_with_its_connection(tcp, pipes, leaves):
    scene, client, server = tcp
    carry(scene, server, client, DATA)
    fill_up(scene, server)
    assert isinstance(sides(scene)[0].unsent, Pipe)
    if leaves == "client":
        client.close()  # with input that it has not read, so this is a reset
    else:
        scene.service.abort()
    scene.wait(lambda: not scene.service.connections, lambda: "the relay to end")
    spare = scene.reactor.pipes._spare
    assert len(pipes.made) == len(pipes.closed) + len(spare)
    scene.reactor.close()
    assert sorted(pipes.made) == sorted(pipes.closed)


def test_without_pipes_bytes_are_copied(tcp, monkeypatch):
    scene, client, server = tcp
    monkeypatch.setattr(splice, "MOST_SPARE_PIPES", 0)
    scene.reactor.pipes._left = 0
    carry(scene, client, server, DATA)


def test_out_of_descriptors_bytes_are_copied(tcp, monkeypatch):
    scene, client, server = tcp

    def refuse(flags: int) -> tuple[int, int]:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(splice.os, "pipe2", refuse)
    carry(scene, client, server, DATA)


def test_pipes_are_bounded():
    pool = splice.PipePool()
    taken = []
    while (pipe := pool.take()) is not None:
        taken.append(pipe)
    assert 0 < len(taken) <= splice.MOST_PIPES
    for pipe in taken:
        pipe.give_back()
    assert pool.take() is not None
    pool.close()


def test_listener_with_a_bandwidth_limit_does_not_splice(pipes):
    with Scene(protocol=Protocol.TCP) as scene:
        scene.service.limit_bandwidth(Shaper(5000, scene.reactor.deadlines))
        assert scene.service.take_pipe() is None
    assert not pipes.made


def test_text_behind_a_pipe_waits_its_turn(tcp):
    """Nothing overtakes what is in the pipe, should anything be sent meanwhile."""
    scene, client, server = tcp
    carry(scene, server, client, DATA)
    before = scene.service.counters.bytes_out
    sent = fill_up(scene, server)
    taken = scene.service.counters.bytes_out - before
    assert not sides(scene)[0].send(b"!")
    assert client.wait_for_bytes(sent + 1).index(b"!") == taken


# --- HTTP ----------------------------------------------------------------------------------------


def respond(scene: Scene, client: Peer, server: Peer) -> None:
    """Carry one big response."""
    client.send(GET)
    server.wait_for_head()
    server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA))
    client.wait_for_head()
    carry(scene, server, client, DATA)


def begin(scene: Scene, client: Peer) -> Peer:
    client.send(GET)
    server = scene.server.accept()
    server.wait_for_head()
    server.send(OK)
    client.wait_for_response()
    return server


def test_big_responses_are_spliced_and_both_connections_stay(pipes):
    with Scene() as scene:
        client = scene.connect()
        server = begin(scene, client)
        respond(scene, client, server)
        respond(scene, client, server)
        assert pipes.made
        assert scene.server.try_accept() is None
        assert scene.service.report()["bytes_out"] > 2 * len(DATA)


def test_big_request_is_spliced_up_to_its_end_and_the_next_one_follows(pipes):
    with Scene() as scene:
        client = scene.connect()
        server = begin(scene, client)
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(DATA)
        client.send(head)
        server.wait_for_head()
        carry(scene, client, server, DATA[:-1])
        client.send(DATA[-1:] + GET)
        assert server.wait_for_bytes(1) == DATA[-1:]
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"
        assert server.wait_for_head().startswith(b"GET / ")
        assert pipes.made
        assert scene.service.report()["bytes_in"] == len(DATA) + 2 * len(GET) + len(head)


def test_cut_of_a_spliced_request_is_never_complete_for_the_server():
    with Scene() as scene:
        client = scene.connect()
        server = begin(scene, client)
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (2 * len(DATA)))
        server.wait_for_head()
        carry(scene, client, server, DATA)
        client.shut_down()
        assert client.wait_for_end().startswith(b"HTTP/1.1 400")
        assert server.wait_for_end() == b""


def test_bytes_behind_a_spliced_response_are_not_the_next_response(monkeypatch):
    """The next client must not get them even when it asks before epoll tells of them."""
    with Scene() as scene:
        client, other = scene.connect(), scene.connect()
        server = begin(scene, client)
        client.send(GET)
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA))
        client.wait_for_head()
        carry(scene, server, client, DATA[:-1])
        server.sock.send(DATA[-1:] + OK)
        assert client.wait_for_bytes(1) == DATA[-1:]
        assert scene.pool.idle_count("127.0.0.1", scene.server.port) == 0
        server.wait_for_end()
        other.send(GET)
        scene.server.accept()


@pytest.mark.parametrize("cut", ["closed", "reset"])
def test_cut_of_a_spliced_response_never_looks_complete(cut):
    with Scene() as scene:
        client = scene.connect()
        server = begin(scene, client)
        client.send(GET)
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(DATA) + 1))
        client.wait_for_head()
        carry(scene, server, client, DATA)
        if cut == "reset":
            server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        client.wait_for_end()
        assert client.was_reset

"""Slow and greedy peers: bounded memory and time each, and nobody else is harmed."""

import contextlib

import pytest

from proxy.core.http.limits import DEFAULT_LIMITS, HttpLimits
from proxy.core.http.pace import Pace
from tests.proxy.net.http_scene import Peer, Scene
from tests.proxy.net.test_http_client import GET, OK, exchange, field

BODY_BEGINS = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    ("limits", "request_bytes", "status"),
    [
        (HttpLimits(max_request_line_bytes=8192), GET.replace(b"/x", b"/" + b"x" * 9000), b"414"),
        (HttpLimits(max_header_bytes=8192), GET[:-2] + b"X: " + b"y" * 9000 + b"\r\n\r\n", b"431"),
        (HttpLimits(max_header_fields=16), GET[:-2] + b"X: y\r\n" * 16 + b"\r\n", b"431"),
    ],
)
def test_limits_of_a_node_are_those_of_its_clients(limits, request_bytes, status):
    with Scene(limits=limits) as scene:
        client = scene.connect()
        client.send(request_bytes)
        head, _ = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 %b " % status)
    with Scene() as scene:
        client = scene.connect()
        client.send(request_bytes)
        assert scene.server.accept().wait_for_head()


def test_limits_of_a_node_are_those_of_its_servers_too():
    response = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 16 + b"Content-Length: 2\r\n\r\nok"
    for limits, status in ((HttpLimits(max_header_fields=16), b"502"), (DEFAULT_LIMITS, b"200")):
        with Scene(limits=limits) as scene:
            client = scene.connect()
            exchange(scene, client)
            # Once on the short way of simple messages.
            client.send(GET)
            server = scene.server.accepted[0]
            server.wait_for_head()
            server.send(response)
            assert client.wait_for_response()[0].startswith(b"HTTP/1.1 %b " % status)


def trickle(scene: Scene, client: Peer, server: Peer) -> bytes:
    """Send a byte whenever the last one has arrived; return what the client is told in the end."""

    def is_told() -> bool:
        with contextlib.suppress(OSError):
            client.sock.send(b"x")
        server.take()
        server.received.clear()
        client.take()
        return b"\r\n\r\n" in client.received

    scene.wait(is_told, lambda: "an end of the trickle")
    return client.wait_for_head()


def test_body_that_trickles_is_refused_and_others_go_on():
    limits = HttpLimits(body_grace_s=0.5, min_body_rate=1_000_000)
    with Scene(limits=limits) as scene:
        client = scene.connect()
        client.send(BODY_BEGINS)
        server = scene.server.accept()
        server.wait_for_head()
        head = trickle(scene, client, server)
        assert head.startswith(b"HTTP/1.1 408 ")
        assert field(head, b"X-OpenCLB-Reason") == b"request_timeout"
        server.wait_for_end()
        exchange(scene, scene.connect())


def test_pace_counts_only_what_is_the_clients_doing():
    limits = HttpLimits(body_grace_s=10, min_body_rate=100)
    pace = Pace(limits, 0.0)
    assert pace.keeps_up(1, 9.9)
    assert pace.keeps_up(999, 10.0)
    assert not pace.keeps_up(999, 20.0)
    pace.restart(1000.0)  # the server had to catch up
    assert pace.keeps_up(1, 1001.0)
    assert not pace.keeps_up(1, 1010.0)
    unbounded = Pace(HttpLimits(body_grace_s=10, min_body_rate=0), 0.0)
    assert unbounded.keeps_up(0, 1000.0)


def test_client_that_never_reads_is_cut_after_the_request_timeout():
    with Scene(request_timeout_s=1) as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        block = bytes(1 << 20)

        def is_cut() -> bool:
            try:
                server.sock.send(block)
            except BlockingIOError:
                return False
            except OSError:
                return True
            return False

        scene.wait(is_cut, lambda: "the end of a client that reads nothing")
        assert not scene.service.connections
        exchange(scene, scene.connect())


def test_empty_lines_without_end_are_no_way_to_stay():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"\r\n" * 10 + GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        client.wait_for_response()
        for _ in range(100):
            with contextlib.suppress(OSError):
                client.send(b"\r\n")
        assert client.wait_for_end().startswith(b"HTTP/1.1 400 ")


def test_requests_sent_ahead_wait_in_the_kernel_beyond_the_limit():
    limits = HttpLimits(max_pipelined_bytes=8192)
    with Scene(limits=limits) as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        ahead = GET * 40_000
        with contextlib.suppress(BlockingIOError):
            sent = client.sock.send(ahead)
        scene.settle()
        (served,) = scene.service.connections
        assert served.reader.buffered_bytes <= 8192 + len(scene.reactor.buffer)
        server.send(OK)
        client.wait_for_response()
        assert sent > 8192

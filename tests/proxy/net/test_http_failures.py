"""Servers that fail: who is asked next, who is never asked twice, and what the client sees."""

import contextlib
import fcntl
import socket
import struct
import termios

import pytest

from proxy.core.http.limits import HttpLimits
from proxy.net.reactor import READ
from tests.proxy.net.http_scene import Scene
from tests.proxy.net.test_http_client import GET, OK, exchange, field

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
PUT = POST.replace(b"POST", b"PUT", 1)
both_ways = pytest.mark.usefixtures("relaying")


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("request_bytes", [GET, POST], ids=["get", "post"])
def test_refused_connection_goes_to_the_next_server(request_bytes):
    with Scene(servers=3) as scene:
        scene.servers[0].close()
        scene.servers[1].close()
        for _ in range(3):
            client = scene.connect()
            client.send(request_bytes)
            server = next(iter(scene.servers[2].accepted), None) or scene.servers[2].accept()
            server.wait_for_head()
            server.send(OK)
            assert client.wait_for_response()[1] == b"ok"


def test_all_servers_refusing_is_502_connect_failed():
    with Scene(servers=2) as scene:
        for server in scene.servers:
            server.close()
        client = scene.connect()
        client.send(GET)
        head, _ = client.wait_for_response()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert field(head, b"X-OpenCLB-Reason") == b"connect_failed"


def fill_backlog(server) -> list[socket.socket]:
    """Leave the server no room, so that further connections to it stay unanswered."""
    server.listening.listen(0)
    waiting = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", server.port))
        waiting.append(sock)
    return waiting


def test_server_that_does_not_accept_is_left_after_the_connect_timeout():
    with Scene(servers=2, connect_timeout_s=1) as scene:
        waiting = fill_backlog(scene.servers[0])
        scene.adopt_weights([100, 1])
        client = scene.connect()
        client.send(POST)
        server = scene.servers[1].accept()
        server.wait_for(b"xyz")
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"
        for sock in waiting:
            sock.close()


def test_only_server_that_does_not_accept_is_504():
    with Scene(connect_timeout_s=1) as scene:
        waiting = fill_backlog(scene.server)
        client = scene.connect()
        client.send(GET)
        head, _ = client.wait_for_response()
        for sock in waiting:
            sock.close()
    assert head.startswith(b"HTTP/1.1 504 ")
    assert field(head, b"X-OpenCLB-Reason") == b"upstream_timeout"


def test_idle_server_connection_that_ends_leaves_the_pool():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        server.close()
        scene.wait(
            lambda: scene.pool.idle_count("127.0.0.1", scene.server.port) == 0,
            lambda: "the pool to be empty",
        )
        exchange(scene, client)


def test_unasked_bytes_drop_an_idle_server_connection():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        server.wait_for_end()
        client.send(GET)
        other = scene.server.accept()
        other.wait_for_head()
        other.send(OK)
        assert client.wait_for_response()[1] == b"ok"


def test_bytes_after_a_response_are_not_the_next_response():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client, response=OK + OK)
        server.wait_for_end()
        exchange(scene, client)


@pytest.mark.parametrize("request_bytes", [GET, PUT], ids=["get", "put"])
def test_dead_kept_connection_is_retried_once_for_idempotent_methods(request_bytes):
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        client.send(request_bytes)
        server.wait_for_head()
        server.close()
        again = scene.server.accept()
        again.wait_for_head()
        again.send(OK)
        assert client.wait_for_response()[1] == b"ok"


def test_retry_happens_only_once():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        client.send(GET)
        server.wait_for_head()
        server.close()
        again = scene.server.accept()
        again.wait_for_head()
        again.close()
        head, _ = client.wait_for_response()
        assert scene.server.try_accept() is None
    assert head.startswith(b"HTTP/1.1 502 ")


def test_retry_happens_only_once_even_over_two_servers():
    with Scene(servers=2) as scene:
        client, kept = scene.connect(), []
        for at in range(2):
            scene.adopt_weights([100 * (1 - at), 100 * at])
            client.send(GET)
            kept.append(scene.servers[at].accept())
            kept[at].wait_for_head()
            kept[at].send(OK)
            client.wait_for_response()
        scene.adopt_weights([100, 0])
        scene.servers[0].close()
        client.send(GET)
        kept[0].wait_for_head()
        scene.adopt_weights([100, 1])
        kept[0].close()
        kept[1].wait_for_head()
        kept[1].close()
        assert client.wait_for_response()[0].startswith(b"HTTP/1.1 502 ")
        assert scene.servers[1].try_accept() is None


def test_post_is_never_sent_twice():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        client.send(POST)
        server.wait_for(b"xyz")
        reset(server.sock)
        head, _ = client.wait_for_response()
        scene.settle()
        assert scene.server.try_accept() is None
    assert head.startswith(b"HTTP/1.1 502 ")


def test_post_does_not_use_a_kept_connection_that_is_closed_already():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        (served,) = scene.service.connections
        server.sock.close()
        client.send_some(POST)
        served.on_event(READ)  # before the proxy hears of the server's end
        again = scene.server.accept()
        again.wait_for(b"xyz")
        again.send(OK)
        assert client.wait_for_response()[1] == b"ok"


@both_ways
def test_body_that_is_gone_is_not_sent_again():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nxyz")
        server.wait_for(b"xyz")
        client.send(b"uvw")
        server.wait_for(b"uvw")
        server.close()
        head, _ = client.wait_for_response()
        assert scene.server.try_accept() is None
    assert head.startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"hello there\r\n\r\n", id="no-status-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA\x00: b\r\n\r\n", id="bad-header"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", id="lengths"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\n", id="other-coding"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000, id="endless-head"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, id="endless-interims"),
    ],
)
def test_malformed_answer_is_502_bad_response(answer):
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(answer)
        client.wait_for(b"HTTP/1.1 502 ")
        head = client.wait_for_head()
        server.wait_for_end()
        # The client did nothing wrong: it may go on.
        exchange(scene, client_without_body(client))
    assert field(b"\r\n" + head, b"X-OpenCLB-Reason") == b"bad_response"
    assert field(head, b"Connection") is None


def client_without_body(client):
    client.wait_for(b"request id: ")
    client.wait_for(b"\n")
    return client


def test_server_that_closes_without_an_answer_is_502():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.close()
        head, _ = client.wait_for_response()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert field(head, b"X-OpenCLB-Reason") == b"upstream_closed"


@both_ways
@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxyz", id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n", id="chunked"
        ),
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("cut", [lambda sock: sock.close(), reset], ids=["closed", "reset"])
def test_cut_response_never_looks_complete(beginning, version, cut):
    with Scene() as scene:
        client = scene.connect()
        client.send(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(beginning)
        client.wait_for(b"xyz")
        cut(server.sock)
        client.wait_for_end()
        assert client.was_reset


@both_ways
def test_reset_of_a_response_until_close_never_looks_complete():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\n\r\nxyz")
        client.wait_for(b"xyz")
        reset(server.sock)
        client.wait_for_end()
        assert client.was_reset


@both_ways
def test_bad_chunk_in_a_response_cuts_the_client():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n")
        client.wait_for(b"xyz\r\n")
        server.send(b"zz\r\n0\r\n\r\n")
        assert client.wait_for_end() == b""
        assert client.was_reset


def unsent_bytes(sock: socket.socket) -> int:
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


@both_ways
def test_server_that_is_gone_is_read_to_its_end_while_the_client_is_slow():
    size = 16 * 1024 * 1024
    with Scene() as scene:
        client = scene.connect()
        (served,) = scene.service.connections
        # The kernel must not have room for all that is left.
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        served.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        data = memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        taken = 0

        def has_taken_all() -> bool:
            nonlocal data, taken
            with contextlib.suppress(BlockingIOError):
                data = data[server.sock.send(data) :]
            if data or unsent_bytes(server.sock):
                taken += client.take(65536)
                return False
            return True

        scene.wait(has_taken_all, lambda: "the proxy's kernel to take the response")
        reset(server.sock)
        scene.settle()
        assert served.unsent
        assert len(served.unsent) <= 2 * len(scene.reactor.buffer)
        client.wait_for(b"\r\n\r\n")
        assert client.wait_for_bytes(size) == bytes(size)


# --- time ----------------------------------------------------------------------------------------


def test_silent_server_is_504_upstream_timeout():
    with Scene(request_timeout_s=1) as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        head, _ = client.wait_for_response()
        server.wait_for_end()
    assert head.startswith(b"HTTP/1.1 504 ")
    assert field(head, b"X-OpenCLB-Reason") == b"upstream_timeout"


@both_ways
def test_server_that_stops_in_the_middle_cuts_the_client():
    with Scene(request_timeout_s=1) as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxyz")
        client.wait_for(b"xyz")
        client.wait_for_end()
        assert client.was_reset


@both_ways
def test_client_that_stops_in_its_body_gets_408():
    with Scene(request_timeout_s=1) as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nxyz")
        server = scene.server.accept()
        server.wait_for(b"xyz")
        head, _ = client.wait_for_response()
        server.wait_for_end()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert field(head, b"X-OpenCLB-Reason") == b"request_timeout"


def test_slow_head_gets_408():
    with Scene(limits=HttpLimits(head_timeout_s=0.2)) as scene:
        client = scene.connect()
        client.send(GET[:10])
        head, _ = client.wait_for_response()
        assert client.wait_for_end() == b""
    assert head.startswith(b"HTTP/1.1 408 ")


def test_idle_client_is_closed_without_a_word():
    with Scene(idle_timeout_s=2) as scene:
        fresh, used = scene.connect(), scene.connect()
        exchange(scene, used)
        assert fresh.wait_for_end() == b""
        assert used.wait_for_end() == b""


def test_idle_server_connections_expire():
    with Scene() as scene:
        scene.pool._idle_timeout_s = 0.0
        client = scene.connect()
        server = exchange(scene, client)
        scene.pool._sweep()
        assert server.wait_for_end() == b""
        assert scene.pool.idle_count("127.0.0.1", scene.server.port) == 0


def test_servers_that_left_lose_their_idle_connections():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        scene.pool.close_target("127.0.0.1", scene.server.port)
        assert server.wait_for_end() == b""

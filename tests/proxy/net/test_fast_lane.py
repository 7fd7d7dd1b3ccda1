"""A simple request that turns out not to be so simple goes on the ordinary way, nothing lost."""

import socket

import pytest

from proxy.net.fast_lane import FastLane
from tests.proxy.net.http_scene import Peer, Scene

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def prepared(scene: Scene) -> tuple[Peer, Peer]:
    """Return a client and an idle server connection: what the short way needs."""
    client = scene.connect()
    client.send(GET)
    server = scene.server.accept()
    server.wait_for_head()
    server.send(OK)
    client.wait_for_response()
    return client, server


def begun(scene: Scene) -> tuple[Peer, Peer]:
    """Return a client whose request is on the short way, and the server that has got it."""
    client, server = prepared(scene)
    client.send(GET)
    server.wait_for_head()
    (connection,) = scene.service.connections
    assert isinstance(connection._exchange, FastLane)
    return client, server


def test_counts_are_those_of_the_ordinary_way():
    with Scene() as scene:
        client, server = begun(scene)
        before = scene.service.report()
        assert before["servers"]["i-0"]["active"] == 1
        server.send(OK)
        head, body = client.wait_for_response()
        after = scene.service.report()
    assert body == b"ok"
    assert (after["requests"], after["responses"]["2xx"]) == (2, 2)
    assert after["bytes_in"] == 2 * len(GET)
    assert after["bytes_out"] == 2 * (len(head) + len(body))
    of_server = after["servers"]["i-0"]
    assert of_server.pop("time_s") == pytest.approx(after["time_s"])
    assert of_server == {
        "connections": 1,
        "active": 0,
        "requests": 2,
        "failures": 0,
        "bytes_in": after["bytes_in"],
        "bytes_out": after["bytes_out"],
        "responses": {"2xx": 2},
        "draining": 0,
    }


@pytest.mark.parametrize("at", range(1, len(OK)))
def test_response_in_two_parts_comes_whole(at):
    with Scene() as scene:
        client, server = begun(scene)
        server.send(OK[:at])
        scene.settle()
        server.send(OK[at:])
        assert client.wait_for_response()[1] == b"ok"
        client.send(GET)
        server.wait_for_head()


def test_requests_sent_ahead_are_answered_in_order():
    with Scene() as scene:
        client, server = begun(scene)
        client.send(b"GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        scene.settle()
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"
        assert server.wait_for_head().startswith(b"GET /2 ")
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"


def test_client_that_half_closes_still_gets_its_answer():
    with Scene() as scene:
        client, server = begun(scene)
        client.shut_down()
        scene.settle()
        server.send(OK)
        head, body = client.wait_for_response()
        assert body == b"ok"
        assert b"\r\nConnection: close\r\n" in head
        client.wait_for_end()


def test_listener_that_closes_says_so_in_the_answer_under_way():
    with Scene() as scene:
        client, server = begun(scene)
        scene.service.close()
        server.send(OK)
        head, body = client.wait_for_response()
        assert body == b"ok"
        assert b"\r\nConnection: close\r\n" in head
        client.wait_for_end()


def test_server_that_closes_unanswered_gets_the_request_once_more():
    with Scene() as scene:
        client, server = begun(scene)
        server.close()
        again = scene.server.accept()
        assert again.wait_for_head().startswith(GET[:-2])
        again.send(OK)
        assert client.wait_for_response()[1] == b"ok"
        assert scene.service.report()["servers"]["i-0"]["active"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="bad-length"),
        pytest.param(b"nonsense\r\n\r\n", id="nonsense"),
    ],
)
def test_bad_response_becomes_502(answer):
    with Scene() as scene:
        client, server = begun(scene)
        server.send(answer)
        head, _ = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 502 ")
        server.wait_for_end()


def test_interim_response_goes_before_the_final_one():
    with Scene() as scene:
        client, server = begun(scene)
        server.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
        assert client.wait_for_head().startswith(b"HTTP/1.1 103 ")
        assert client.wait_for_response()[1] == b"ok"


def test_silent_server_ends_in_504():
    with Scene(request_timeout_s=0.1) as scene:
        client, _ = begun(scene)
        head, _ = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 504 ")


def test_client_that_leaves_takes_the_request_with_it():
    with Scene() as scene:
        client, server = begun(scene)
        scene.service.abort()
        server.wait_for_end()
        assert client.wait_for_end() == b""
        assert scene.service.report()["servers"]["i-0"]["active"] == 0


def test_idle_client_is_closed_in_time():
    with Scene(idle_timeout_s=2) as scene:
        client, server = begun(scene)
        server.send(OK)
        client.wait_for_response()
        client.wait_for_end()


def test_client_that_asks_for_the_end_gets_it_after_its_answer():
    with Scene() as scene:
        client, server = prepared(scene)
        client.send(GET[:-2] + b"Connection: close\r\n\r\n")
        assert b"Connection" not in server.wait_for_head()
        (connection,) = scene.service.connections
        assert isinstance(connection._exchange, FastLane)
        server.send(OK)
        head, body = client.wait_for_response()
        assert body == b"ok"
        assert b"\r\nConnection: close\r\n" in head
        assert client.wait_for_end() == b""
        assert not client.was_reset
        assert not scene.service.connections


@pytest.mark.parametrize("size", [40_000, 2_000_000])
def test_client_that_reads_late_gets_all_of_a_response(size):
    with Scene() as scene:
        client, server = begun(scene)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        body = bytes(range(250)) * (size // 250)
        pieces = memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body)
        sent = 0
        while sent < len(pieces):
            try:
                sent += server.sock.send(pieces[sent:])
            except BlockingIOError:
                client.take()
            scene.turn()
        client.wait_for_head()
        assert client.wait_for_bytes(size) == body
        client.send(GET)
        assert server.wait_for_head()

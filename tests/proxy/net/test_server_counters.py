"""What each server and each group did is counted, whatever way a request takes."""

import pytest

from proxy.net.metrics import ListenerCounters
from proxy.snapshot import Protocol
from tests.proxy.net.http_scene import Peer, Scene

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
BROKEN = b"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n" + 300 * b"x"


def answered(client: Peer, server: Peer, request: bytes, answer: bytes) -> int:
    """Send a request, answer it, and return how many bytes the client got."""
    client.send(request)
    server.wait_for_head()
    server.send(answer)
    return sum(map(len, client.wait_for_response()))


def test_bytes_statuses_and_times_are_those_of_the_listener():
    """One server does all the work, so its sums and its group's are the listener's."""
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        got = sum(map(len, client.wait_for_response()))
        got += answered(client, server, GET, MISSING)  # the short way
        got += answered(client, server, POST, OK)
        report = scene.service.report()
    of_server = report["servers"]["i-0"]
    assert of_server["responses"] == {"2xx": 2, "4xx": 1}
    assert of_server["bytes_in"] == report["bytes_in"] == 2 * len(GET) + len(POST)
    assert of_server["bytes_out"] == report["bytes_out"] == got
    assert of_server["time_s"] == pytest.approx(report["time_s"])
    assert report["groups"] == {"rsp-1": of_server}


def test_answer_that_ends_with_its_connection_is_counted_whole():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(BROKEN)
        server.close()
        client.wait_for_end()
        report = scene.service.report()
    assert report["servers"]["i-0"]["responses"] == {"5xx": 1}
    assert report["servers"]["i-0"]["bytes_out"] == report["bytes_out"] > 300


def test_our_own_answers_are_no_servers():
    with Scene() as scene:
        scene.adopt_weights([0])
        client = scene.connect()
        client.send(GET)
        client.wait_for_response()
        report = scene.service.report()
    assert report["responses"]["5xx"] == 1
    assert report["servers"] == report["groups"] == {}


def test_retry_is_counted_where_it_went():
    with Scene(servers=2) as scene:
        scene.servers[0].close()
        client = scene.connect()
        client.send(GET)
        server = scene.servers[1].accept()
        server.wait_for_head()
        server.send(OK)
        client.wait_for_response()
        report = scene.service.report()
    assert report["servers"]["i-0"]["failures"] == 1
    assert "retries" not in report["servers"]["i-0"]
    assert report["servers"]["i-1"]["retries"] == report["retries"] == 1
    assert report["groups"]["rsp-1"]["failures"] == 1


def test_sums_of_a_group_never_go_back_when_a_server_leaves():
    with Scene(servers=2) as scene:
        client = scene.connect()
        for server in scene.servers:
            client.send(GET)
            peer = server.accept()
            peer.wait_for_head()
            peer.send(OK)
            client.wait_for_response()
        before = scene.service.report()
        scene.removed = {0}
        scene.adopt_weights([100, 100])
        after = scene.service.report()
    assert set(after["servers"]) == {"i-1"}
    assert before["groups"]["rsp-1"]["requests"] == 2
    assert after["groups"] == before["groups"]


def test_group_that_the_listener_leaves_is_forgotten():
    with Scene(servers=2, groups={"rsp-1": [0], "rsp-2": [1]}) as scene:
        client = scene.connect()
        client.send(GET)
        peer = scene.servers[0].accept()
        peer.wait_for_head()
        peer.send(OK)
        client.wait_for_response()
        assert set(scene.service.report()["groups"]) == {"rsp-1"}
        counters: ListenerCounters = scene.service.counters
        counters.forget_server("i-0")
        counters.forget_groups(["rsp-2"])
        assert scene.service.report()["groups"] == {}


def test_connections_of_a_group_are_those_of_its_servers():
    with Scene(servers=2, protocol=Protocol.TCP) as scene:
        for server in scene.servers:
            client = scene.connect()
            peer = server.accept()
            client.send(b"ping")
            assert peer.wait_for(b"ping") == b"ping"
        group = scene.service.report()["groups"]["rsp-1"]
    assert (group["connections"], group["active"], group["bytes_in"]) == (2, 2, 8)

"""The access log of a worker: a line for each request, connection and session, and what it says."""

import contextlib
import datetime
import json
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.net.access_log import AccessLog
from proxy.net.fast_lane import FastLane
from proxy.net.log_file import LogFile
from proxy.snapshot import (
    ForwardingRule,
    Protocol,
    SchedulerName,
    Sticky,
    StickyKind,
)
from tests.proxy.net import test_udp_relay
from tests.proxy.net.answering import ask
from tests.proxy.net.http_scene import PATIENCE_S, Peer, Scene
from tests.proxy.net.tls_scene import TlsScene, client_context

GET = b"GET /x?q=1 HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RESET = struct.pack("ii", 1, 0)
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"


class Log:
    """An access log in the hands of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.access_log = AccessLog(LogFile(path))

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Return the lines when there are as many, and there must be no more."""
        until = time.monotonic() + PATIENCE_S
        while True:
            self.access_log.flush()
            text = self.path.read_text() if self.path.exists() else ""
            lines = [json.loads(line) for line in text.splitlines()] if text[-1:] == "\n" else []
            if len(lines) >= count:
                assert len(lines) == count, lines
                return lines
            assert time.monotonic() < until, f"waited in vain for {count} lines in {text!r}"
            time.sleep(0.002)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "access.log")
    yield made
    made.access_log.close()


@pytest.fixture
def scene(log: Log) -> Iterator[Scene]:
    with Scene(access_log=log.access_log) as made:
        yield made


def exchange(scene: Scene, client: Peer, request: bytes = GET, answer: bytes = OK) -> Peer:
    """Have one request answered; return the server's connection."""
    client.send(request)
    server = scene.server.accepted[-1] if scene.server.accepted else scene.server.accept()
    server.wait_for_head()
    server.send(answer)
    client.wait_for_response()
    return server


def test_line_says_who_asked_for_what_and_who_answered(scene, log):
    before = datetime.datetime.now(tz=datetime.UTC)
    client = scene.connect()
    exchange(scene, client)
    [line] = log.wait_for(1)
    after = datetime.datetime.now(tz=datetime.UTC)
    address, port = client.sock.getsockname()
    written_at = datetime.datetime.fromisoformat(line.pop("time"))
    slack = datetime.timedelta(milliseconds=2)
    assert before - slack <= written_at <= after + slack
    total_ms, first_byte_ms = line.pop("total_ms"), line.pop("first_byte_ms")
    assert 0 <= first_byte_ms <= total_ms
    assert line.pop("connect_ms") >= 0
    assert re.fullmatch("[0-9a-f]{32}", line.pop("request_id"))
    assert line.pop("bytes_out") > len(OK)
    assert line == {
        "protocol": "http",
        "load_balancer": "lb-1",
        "listener": "lsn-1",
        "rule": None,
        "group": "rsp-1",
        "scheduler": "weighted_round_robin",
        "server": "i-0",
        "server_address": f"127.0.0.1:{scene.server.port}",
        "chosen_by": "only_server",
        "client": address,
        "client_port": port,
        "method": "GET",
        "target": "/x?q=1",
        "host": "a.example",
        "status": 200,
        "reason": None,
        "detail": None,
        "bytes_in": len(GET),
        "retries": 0,
        "end": "complete",
    }


def test_short_way_and_ordinary_way_write_the_same(scene, log):
    client = scene.connect()
    server = exchange(scene, client)
    client.send(GET)
    server.wait_for_head()
    [connection] = scene.service.connections
    assert isinstance(connection._exchange, FastLane)
    server.send(OK)
    head, body = client.wait_for_response()
    ordinary, short = log.wait_for(2)
    assert short["bytes_out"] == len(head) + len(body)
    varying = {"time", "total_ms", "connect_ms", "first_byte_ms", "request_id"}
    assert list(ordinary) == list(short)
    assert {key: ordinary[key] for key in ordinary.keys() - varying} == {
        key: short[key] for key in short.keys() - varying
    }
    assert short["connect_ms"] == 0
    assert short["first_byte_ms"] == short["total_ms"]


def test_request_id_is_the_one_that_client_and_server_see(scene, log):
    client = scene.connect()
    client.send(GET[:-2] + b"X-Request-Id: my-id-1\r\n\r\n")
    server = scene.server.accept()
    assert b"X-Request-Id: my-id-1\r\n" in server.wait_for_head()
    server.send(OK)
    client.wait_for_response()
    assert log.wait_for(1)[0]["request_id"] == "my-id-1"


def test_bodies_are_counted_both_ways_and_for_each_request_alone(scene, log):
    client = scene.connect()
    head = b"POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n"
    client.send(head + b"he")
    server = scene.server.accept()
    server.wait_for(b"he")
    client.send(b"llo" + GET)  # the next request is sent ahead
    server.wait_for(b"llo")
    server.send(OK)
    first = sum(map(len, client.wait_for_response()))
    server.wait_for_head()
    server.send(OK)
    second = sum(map(len, client.wait_for_response()))
    one, two = log.wait_for(2)
    assert (one["method"], one["bytes_in"], one["bytes_out"]) == ("POST", len(head) + 5, first)
    assert (two["method"], two["bytes_in"], two["bytes_out"]) == ("GET", len(GET), second)


def test_hostile_target_is_one_line_of_json(scene, log):
    """S68: what clients send must not forge lines."""
    client = scene.connect()
    exchange(scene, client, b'GET /"},\\{' + b"y" * 2000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n")
    [line] = log.wait_for(1)
    assert line["target"] == '/"},\\{' + "y" * 1018 + "..."


def test_refusal_says_why(scene, log):
    client = scene.connect()
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    client.wait_for_end()
    [line] = log.wait_for(1)
    assert (line["status"], line["reason"]) == (400, "bad_request")
    assert line["detail"] == "HTTP/1.1 request without Host"
    assert (line["server"], line["server_address"], line["chosen_by"]) == (None, None, None)


def test_own_answer_names_its_reason_and_no_server(log):
    with Scene(access_log=log.access_log) as scene:
        scene.adopt_weights([0])
        client = scene.connect()
        client.send(GET)
        client.wait_for_response()
        [line] = log.wait_for(1)
        report = scene.service.report()
    assert (line["status"], line["reason"], line["server"]) == (503, "no_weight", None)
    assert (line["connect_ms"], line["first_byte_ms"]) == (None, None)
    assert report["own_answers"] == {"no_weight": 1}


def test_next_server_after_one_that_refuses(log):
    with Scene(servers=2, access_log=log.access_log) as scene:
        scene.servers[0].close()
        client = scene.connect()
        for _ in range(2):
            client.send(GET)
            server = scene.servers[1].accepted or [scene.servers[1].accept()]
            server[0].wait_for_head()
            server[0].send(OK)
            client.wait_for_response()
        retried = [line for line in log.wait_for(2) if line["retries"]]
        report = scene.service.report()
    assert [(line["server"], line["chosen_by"], line["retries"]) for line in retried] == [
        ("i-1", "next_server", 1)
    ]
    assert report["retries"] == 1


def test_same_server_after_a_dead_connection(scene, log):
    client = scene.connect()
    exchange(scene, client)
    client.send(GET)
    scene.server.accepted[0].wait_for_head()
    scene.server.accepted[0].close()
    again = scene.server.accept()
    again.wait_for_head()
    again.send(OK)
    client.wait_for_response()
    line = log.wait_for(2)[1]
    assert (line["chosen_by"], line["retries"], line["end"]) == ("same_server", 1, "complete")


@pytest.mark.parametrize("is_short", [False, True])
def test_client_that_leaves_before_its_answer(scene, log, is_short):
    client = scene.connect()
    if is_short:
        exchange(scene, client)
    client.send(GET)
    server = scene.server.accepted[0] if is_short else scene.server.accept()
    server.wait_for_head()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()
    scene.wait(lambda: not scene.service.connections, lambda: "the end of the connection")
    line = log.wait_for(2 if is_short else 1)[-1]
    assert (line["status"], line["server"], line["end"]) == (None, "i-0", "client_closed")
    assert line["target"] == "/x?q=1"


def test_answer_that_its_server_cut(scene, log):
    client = scene.connect()
    client.send(GET)
    server = scene.server.accept()
    server.wait_for_head()
    server.send(CUT)
    server.close()
    client.wait_for_end()
    [line] = log.wait_for(1)
    assert (line["status"], line["end"]) == (200, "server_cut")


def test_silent_server_in_the_middle_of_its_answer(log):
    with Scene(access_log=log.access_log, request_timeout_s=1) as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(CUT)
        client.wait_for_end()
        [line] = log.wait_for(1)
    assert (line["status"], line["end"]) == (200, "timed_out")
    assert line["total_ms"] >= 1000


def test_connection_that_the_proxy_itself_ends(scene, log):
    client = scene.connect()
    client.send(GET)
    scene.server.accept().wait_for_head()
    scene.service.abort()
    assert log.wait_for(1)[0]["end"] == "proxy_cut"


def test_session_cookie_is_named_as_what_chose(log):
    sticky = Sticky(StickyKind.INSERT, cookie_timeout_s=60)
    with Scene(servers=2, access_log=log.access_log, sticky=sticky) as scene:
        client = scene.connect()
        head = GET[:-2]
        _, _, answer = ask(scene, client, head)
        found = re.search(rb"Set-Cookie: ([^;\r]+)", answer)
        assert found
        ask(scene, client, head + b"Cookie: " + found.group(1) + b"\r\n")
        lines = log.wait_for(2)
    assert [line["chosen_by"] for line in lines] == ["scheduler", "session_cookie"]
    assert lines[0]["server"] == lines[1]["server"]


def test_rule_and_its_group_are_named_and_counted(log):
    rule = ForwardingRule(
        id="rule-1",
        domain="a.example",
        path="",
        group="rsp-2",
        scheduler=SchedulerName.ROUND_ROBIN,
        health_check=None,
    )
    groups = {"rsp-2": [1]}
    with Scene(servers=2, access_log=log.access_log, groups=groups, rules=(rule,)) as scene:
        client = scene.connect()
        assert ask(scene, client, GET[:-2])[0] == 1
        [line] = log.wait_for(1)
        report = scene.service.report()
        scene.adopt_weights([100, 100], rules=())
        gone = scene.service.report()
    assert (line["rule"], line["group"], line["server"]) == ("rule-1", "rsp-2", "i-1")
    assert line["scheduler"] == "round_robin"
    assert report["rules"] == {"rule-1": 1}
    assert gone["rules"] == {}


def test_response_times_are_counted_whether_or_not_there_is_a_log():
    with Scene() as scene:
        client = scene.connect()
        for _ in range(3):
            exchange(scene, client)
        report = scene.service.report()
    assert sum(report["times"].values()) == 3
    assert report["time_s"] > 0


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_https_request_says_what_was_agreed(log, highest):
    with TlsScene(access_log=log.access_log) as scene:
        client = scene.connect(context=client_context(maximum_version=highest))
        server = exchange(scene, client)
        client.send(GET)
        server.wait_for_head()
        server.send(OK)
        client.wait_for_response()
        lines = log.wait_for(2)
        agreed = (client.tls.version(), client.tls.cipher()[0])
    assert [line["protocol"] for line in lines] == ["https", "https"]
    assert [(line["tls_version"], line["tls_cipher"]) for line in lines] == [agreed, agreed]


def test_tcp_connection_has_a_line_when_it_is_over(log):
    with Scene(protocol=Protocol.TCP, access_log=log.access_log) as scene:
        client = scene.connect()
        server = scene.server.accept()
        client.send(b"ping")
        server.wait_for(b"ping")
        server.send(b"pong!")
        client.wait_for(b"pong!")
        client.shut_down()
        server.wait_for_end()
        server.close()
        client.wait_for_end()
        [line] = log.wait_for(1)
        address, port = client.sock.getsockname()
    assert (line["client"], line["client_port"]) == (address, port)
    assert (line["protocol"], line["server"], line["chosen_by"]) == ("tcp", "i-0", "only_server")
    assert (line["bytes_in"], line["bytes_out"]) == (4, 5)
    assert (line["reason"], line["retries"], line["end"]) == (None, 0, "complete")
    assert 0 <= line["connect_ms"] <= line["total_ms"]


def test_source_address_is_named_as_what_chose(log):
    with Scene(
        servers=2, protocol=Protocol.TCP, access_log=log.access_log, persistence_timeout_s=60
    ) as scene:
        scene.connect()
        scene.wait(lambda: any(each.try_accept() for each in scene.servers), lambda: "a server")
        scene.service.abort()
        [line] = log.wait_for(1)
    assert line["chosen_by"] == "source_address"


def test_tcp_connections_that_nobody_takes_and_that_are_reset(log):
    with Scene(protocol=Protocol.TCP, access_log=log.access_log) as scene:
        client = scene.connect()
        server = scene.server.accept()
        server.send(b"hello")
        client.wait_for(b"hello")
        server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        server.close()
        client.wait_for_end()
        scene.server.close()
        scene.connect().wait_for_end()
        reset, refused = log.wait_for(2)
        report = scene.service.report()
    assert (reset["server"], reset["end"]) == ("i-0", "peer_reset")
    assert (refused["reason"], refused["end"]) == ("connect_failed", "proxy_cut")
    assert refused["connect_ms"] is None
    assert report["own_answers"] == {"connect_failed": 1}


def test_udp_session_has_a_line_when_it_is_over(log):
    scene = test_udp_relay.Scene(access_log=log.access_log)
    with contextlib.closing(scene):
        client = scene.client()
        at = [scene.ask(client) for _ in range(3)][0]
        scene.adopt(*(None if each == at else 100 for each in range(2)))
        [line] = log.wait_for(1)
        address, port = client.getsockname()
    assert (line["protocol"], line["client"], line["client_port"]) == ("udp", address, port)
    assert (line["server"], line["chosen_by"]) == (f"i-{at}", "scheduler")
    assert (line["packets_in"], line["packets_out"]) == (3, 3)
    assert (line["bytes_in"], line["bytes_out"]) == (3, 6)
    assert line["end"] == "proxy_cut"

"""HTTP through the proxy with real sockets: what clients and servers see (S16, S69, S172)."""

import contextlib

import pytest

from tests.proxy.net.http_scene import Peer, Scene

GET = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BIG = 64 * 1024 * 1024
both_ways = pytest.mark.usefixtures("relaying")


def exchange(scene: Scene, client: Peer, request: bytes = GET, response: bytes = OK) -> Peer:
    """Carry one request over a new server connection and return that connection."""
    client.send(request)
    server = scene.server.accept()
    server.wait_for_head()
    server.send(response)
    client.wait_for_response()
    return server


def field(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(name.lower() + b":"):
            return line.partition(b":")[2].strip()
    return None


def test_request_reaches_server_with_forwarding_fields():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        seen = server.wait_for_head()
        server.send(OK)
        head, body = client.wait_for_response()
    assert seen.startswith(b"GET /x HTTP/1.1\r\nHost: a.example\r\n")
    assert field(seen, b"X-Forwarded-For") == b"127.0.0.1"
    assert len(field(seen, b"X-Request-Id")) == 32
    assert field(head, b"X-Request-Id") == field(seen, b"X-Request-Id")
    assert field(head, b"Connection") is None
    assert body == b"ok"


def test_both_sides_stay_connected():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        for _ in range(3):
            client.send(GET)
            server.wait_for_head()
            server.send(OK)
            assert client.wait_for_response()[1] == b"ok"
        assert scene.server.try_accept() is None
        # The kept connection serves other clients too.
        other = scene.connect()
        other.send(GET)
        server.wait_for_head()
        server.send(OK)
        other.wait_for_response()
        assert scene.server.try_accept() is None


@both_ways
def test_pieces_of_a_request_and_a_response_may_come_one_by_one():
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
    with Scene() as scene:
        client = scene.connect()
        for at in range(len(request)):
            client.send(request[at : at + 1])
        server = scene.server.accept()
        assert server.wait_for(b"xyz").endswith(b"\r\n\r\nxyz")
        for at in range(len(OK)):
            server.send(OK[at : at + 1])
        assert client.wait_for_response()[1] == b"ok"
        client.send(GET)
        server.wait_for_head()


def test_pipelined_requests_are_answered_in_order():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"".join(GET.replace(b"/x", b"/%d" % at) for at in range(5)))
        server = scene.server.accept()
        for at in range(5):
            assert server.wait_for_head().startswith(b"GET /%d " % at)
            assert server.received == b""
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % at)
        assert [client.wait_for_response()[1] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


@both_ways
def test_pipelined_body_and_next_request_are_told_apart():
    with Scene() as scene:
        client = scene.connect()
        client.send(
            b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nxyz\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        server = scene.server.accept()
        assert server.wait_for(b"\r\nxyz\r\n0\r\n\r\n").endswith(b"\r\n\r\n3\r\nxyz\r\n0\r\n\r\n")
        server.send(OK)
        assert server.wait_for_head().startswith(b"GET /2 ")


@both_ways
def test_next_request_may_come_in_one_piece_with_the_end_of_a_body():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nxyz")
        server = scene.server.accept()
        server.wait_for(b"xyz")
        client.send(b"uvwGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert server.wait_for(b"uvw") == b"uvw"
        server.send(OK)
        assert server.wait_for_head().startswith(b"GET /2 ")


def test_requests_before_a_half_close_are_all_answered():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET + GET)
        client.shut_down()
        server = scene.server.accept()
        for _ in range(2):
            server.wait_for_head()
            server.send(OK)
        answers = client.wait_for_end()
    assert answers.count(b"200 OK") == 2
    assert answers.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    ("request_line", "fields", "stays"),
    [
        pytest.param(b"HTTP/1.1", b"", True, id="1.1"),
        pytest.param(b"HTTP/1.1", b"Connection: close\r\n", False, id="1.1-close"),
        pytest.param(b"HTTP/1.0", b"", False, id="1.0"),
        pytest.param(b"HTTP/1.0", b"Connection: keep-alive\r\n", True, id="1.0-keep-alive"),
    ],
)
def test_client_connection_stays_or_ends_as_asked(request_line, fields, stays):
    with Scene() as scene:
        client = scene.connect()
        client.send(b"GET / " + request_line + b"\r\nHost: a\r\n" + fields + b"\r\n")
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        head, _ = client.wait_for_response()
        if stays:
            client.send(GET)
            server.wait_for_head()
            expected = b"keep-alive" if request_line == b"HTTP/1.0" else None
            assert field(head, b"Connection") == expected
        else:
            assert client.wait_for_end() == b""
            assert field(head, b"Connection") == b"close"
            assert scene.pool.idle_count("127.0.0.1", scene.server.port) == 1


def test_hop_by_hop_fields_named_in_connection_go_no_further():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET[:-2] + b"Connection: X-Mine\r\nX-Mine: 1\r\nX-Other: 2\r\n\r\n")
        server = scene.server.accept()
        seen = server.wait_for_head()
        server.send(
            b"HTTP/1.1 200 OK\r\nConnection: X-Theirs\r\nX-Theirs: 1\r\nKeep-Alive: timeout=9\r\n"
            b"X-Request-Id: theirs\r\nContent-Length: 0\r\n\r\n"
        )
        head, _ = client.wait_for_response()
    assert field(seen, b"X-Mine") is None
    assert field(seen, b"X-Other") == b"2"
    assert field(head, b"X-Theirs") is None
    assert field(head, b"Keep-Alive") is None
    assert head.count(b"X-Request-Id") == 1
    assert b"theirs" not in head


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", b"400", id="no-host"),
        pytest.param(b"nonsense\r\n\r\n", b"400", id="request-line"),
        pytest.param(GET[:-2] + b"A : b\r\n\r\n", b"400", id="space-before-colon"),
        pytest.param(GET[:-2] + b"Transfer-Encoding: gzip\r\n\r\n", b"501", id="other-coding"),
        pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"501", id="connect"),
        pytest.param(b"GET /" + b"a" * 20_000, b"414", id="long-line"),
        pytest.param(GET[:-2] + b"A: " + b"b" * 100_000, b"431", id="long-header"),
    ],
)
def test_bad_request_is_answered_and_closed(request_head, status):
    with Scene() as scene:
        client = scene.connect()
        client.send(request_head)
        head, body = client.wait_for_response()
        assert client.wait_for_end() == b""
        assert not client.was_reset
        assert scene.server.try_accept() is None
    assert head.startswith(b"HTTP/1.1 " + status)
    assert field(head, b"X-OpenCLB-Reason") == b"bad_request"
    assert field(head, b"Connection") == b"close"
    assert field(head, b"X-Request-Id") in body


def test_refused_client_that_sends_on_still_gets_its_answer():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"nonsense\r\n\r\n" + bytes(4_000_000))
        assert client.wait_for_response()[0].startswith(b"HTTP/1.1 400 ")
        assert client.wait_for_end() == b""
        assert not client.was_reset


def test_bad_chunk_cuts_the_server_and_is_answered():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n")
        server = scene.server.accept()
        server.wait_for(b"3\r\nxyz\r\n")
        client.send(b"zz\r\n0\r\n\r\n")
        assert client.wait_for_response()[0].startswith(b"HTTP/1.1 400")
        assert b"0\r\n\r\n" not in server.wait_for_end()


@both_ways
def test_cut_request_body_is_never_complete_for_the_server():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nxyz")
        server = scene.server.accept()
        server.wait_for(b"xyz")
        client.shut_down()
        assert client.wait_for_end().startswith(b"HTTP/1.1 400")
        assert server.wait_for_end() == b""


# --- bodies --------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize(
    ("response", "body"),
    [
        pytest.param(b"Content-Length: 3\r\n\r\nxyz", b"xyz", id="length"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nxyz\r\n0\r\nT: v\r\n\r\n",
            b"3\r\nxyz\r\n0\r\n\r\n",
            id="chunked",
        ),
    ],
)
def test_response_bodies_with_an_end_of_their_own(response, body):
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 200 OK\r\n" + response)
        client.wait_for_head()
        assert client.wait_for_bytes(len(body)) == body
        client.send(GET)
        server.wait_for_head()


@both_ways
def test_response_without_length_ends_with_its_connection():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.0 200 OK\r\n\r\nxyz")
        assert field(client.wait_for_head(), b"Connection") == b"close"
        server.send(b"uvw")
        server.close()
        assert client.wait_for_end() == b"xyzuvw"
        assert not client.was_reset


@both_ways
def test_chunked_response_is_decoded_for_an_http_10_client():
    """S172: chunks are understood from HTTP/1.0 servers, and not shown to HTTP/1.0 clients."""
    with Scene() as scene:
        client = scene.connect()
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        server = scene.server.accept()
        seen = server.wait_for_head()
        server.send(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxy")
        server.send(b"z\r\n2\r\nuv\r\n0\r\n\r\n")
        head = client.wait_for_head()
        assert client.wait_for_end() == b"xyzuv"
    assert field(seen, b"Host") is not None
    assert field(head, b"Transfer-Encoding") is None
    assert field(head, b"Connection") == b"close"


@pytest.mark.parametrize(
    ("method", "response"),
    [
        pytest.param(b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", id="head"),
        pytest.param(b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", id="304"),
    ],
)
def test_responses_without_body(method, response):
    with Scene() as scene:
        client = scene.connect()
        client.send(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n")
        server = scene.server.accept()
        server.wait_for_head()
        server.send(response)
        client.wait_for_head()
        client.send(GET)
        server.wait_for_head()
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"


@both_ways
def test_big_response_to_a_slow_client_needs_bounded_memory():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        (served,) = scene.service.connections
        sent, most_unsent = pump(
            scene, server, client, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG, served
        )
        assert sent < BIG / 4
        assert most_unsent <= 2 * len(scene.reactor.buffer)
        finish_pump(scene, server, client, BIG - sent)
        client.send(GET)
        server.wait_for_head()


@both_ways
def test_big_request_to_a_slow_server_needs_bounded_memory():
    with Scene() as scene:
        client = scene.connect()
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BIG
        client.send(head)
        server = scene.server.accept()
        server.wait_for_head()
        sent, most_unsent = pump(scene, client, server, b"", None)
        assert sent < BIG / 4
        finish_pump(scene, client, server, BIG - sent)
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"


def pump(scene, source: Peer, sink: Peer, head: bytes, served) -> tuple[int, int]:
    """Send from one side while the other reads nothing, until nothing moves any more."""
    if head:
        source.send(head)
        sink.wait_for_head()
    sent, stuck, most_unsent, block = 0, 0, 0, bytes(1 << 20)
    while stuck < 200 and sent < BIG:
        try:
            sent += source.send_some(block[: BIG - sent])
            stuck = 0
        except BlockingIOError:
            stuck += 1
        scene.turn()
        if served is not None:
            most_unsent = max(most_unsent, len(served.unsent))
    return sent, most_unsent


def finish_pump(scene, source: Peer, sink: Peer, left: int) -> None:
    """Send the rest while the other side reads, and see every byte arrive."""
    block, arrived = bytes(1 << 20), 0
    arrived += len(sink.received)
    sink.received.clear()

    def is_done() -> bool:
        nonlocal left, arrived
        if left:
            with contextlib.suppress(BlockingIOError):
                left -= source.send_some(block[:left])
        arrived += sink.take()
        sink.received.clear()
        return arrived == BIG

    scene.wait(is_done, lambda: f"{BIG} bytes, not {arrived}")


# --- 1xx, early answers, upgrade -----------------------------------------------------------------


def test_interim_responses_are_passed_on_and_are_not_the_answer():
    with Scene() as scene:
        client = scene.connect()
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        server = scene.server.accept()
        assert field(server.wait_for_head(), b"Expect") == b"100-continue"
        server.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert client.wait_for_head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"xyz")
        server.wait_for(b"xyz")
        server.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)
        assert client.wait_for_head().startswith(b"HTTP/1.1 103 ")
        assert client.wait_for_response()[1] == b"ok"
        client.send(GET)
        server.wait_for_head()


def test_interim_responses_are_not_sent_to_http_10_clients():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        assert client.wait_for_response()[0].startswith(b"HTTP/1.1 200 ")


@both_ways
def test_early_answer_reaches_the_client_and_ends_the_connection():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxyz")
        server = scene.server.accept()
        server.wait_for(b"xyz")
        server.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        head, body = client.wait_for_response()
        client.send(b"d" * 100_000)
        assert client.wait_for_end() == b""
        assert not client.was_reset
        server.wait_for_end()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert field(head, b"Connection") == b"close"
    assert body == b"no"


@both_ways
def test_early_answer_of_a_server_that_closes_at_once_still_arrives():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % BIG)
        server = scene.server.accept()
        server.wait_for_head()
        server.sock.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        server.sock.close()
        for _ in range(10):
            try:
                client.sock.send(b"d" * 65536)
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                break
        head, body = client.wait_for_response()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert body == b"no"


@both_ways
def test_answer_and_body_may_flow_at_the_same_time():
    with Scene() as scene:
        client = scene.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nxyz")
        server = scene.server.accept()
        server.wait_for(b"xyz")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nxyz")
        client.wait_for(b"xyz")
        client.send(b"uvw")
        server.wait_for(b"uvw")
        server.send(b"uvw")
        assert client.wait_for_end() == b"uvw"


@both_ways
def test_websocket_becomes_a_tunnel():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81early")
        server = scene.server.accept()
        assert field(server.wait_for_head(), b"Upgrade") == b"websocket"
        server.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"\r\n\x00first"
        )
        head = client.wait_for_head()
        assert client.wait_for(b"first") == b"\x00first"
        server.wait_for(b"early")
        client.send(b"\xffping")
        server.wait_for(b"ping")
        client.shut_down()
        assert server.wait_for_end() == b""
        server.send(b"bye")
        server.close()
        assert client.wait_for_end() == b"bye"
    assert head.startswith(b"HTTP/1.1 101 ")
    assert field(head, b"Upgrade") == b"websocket"
    assert field(head, b"Connection") == b"Upgrade"


def test_switch_that_nobody_asked_for_is_a_bad_response():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
        head, _ = client.wait_for_response()
    assert head.startswith(b"HTTP/1.1 502 ")


# --- configuration -------------------------------------------------------------------------------


def test_weight_zero_takes_effect_between_two_requests_of_one_connection():
    """S69: weight 0 gets no new requests; what is in flight goes on."""
    with Scene(servers=2) as scene:
        scene.adopt_weights([100, 0])
        client = scene.connect()
        client.send(GET)
        first = scene.servers[0].accept()
        first.wait_for_head()
        scene.adopt_weights([0, 100])
        first.send(OK)
        assert client.wait_for_response()[1] == b"ok"
        for _ in range(3):
            client.send(GET)
            second = scene.servers[1].accepted[0] if scene.servers[1].accepted else None
            second = second or scene.servers[1].accept()
            second.wait_for_head()
            second.send(OK)
            client.wait_for_response()
        assert first.take() == 0


def test_removed_server_finishes_its_request_and_loses_its_idle_connections():
    with Scene(servers=2) as scene:
        scene.adopt_weights([100, 0])
        idle, busy = scene.connect(), scene.connect()
        busy.send(GET)
        working = scene.servers[0].accept()
        working.wait_for_head()
        idle.send(GET)
        waiting = scene.servers[0].accept()
        waiting.wait_for_head()
        waiting.send(OK)
        idle.wait_for_response()
        scene.removed = {0}
        scene.adopt_weights([100, 100])
        assert waiting.wait_for_end() == b""
        working.send(OK)
        assert busy.wait_for_response()[1] == b"ok"


@both_ways
def test_tunnel_ends_when_its_server_is_removed():
    with Scene(servers=2) as scene:
        scene.adopt_weights([100, 0])
        client = scene.connect()
        client.send(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        server = scene.server.accept()
        server.wait_for_head()
        server.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        client.wait_for_head()
        scene.removed = {0}
        scene.adopt_weights([100, 100])
        assert server.wait_for_end() == b""
        assert client.wait_for_end() == b""


def test_counters_tell_what_happened():
    with Scene() as scene:
        client = scene.connect()
        server = exchange(scene, client)
        client.send(GET)
        server.wait_for_head()
        counters = scene.service.counters
        assert counters.server("i-0").active == 1
        server.send(OK)
        client.wait_for_response()
        client.send(b"nonsense\r\n\r\n")
        client.wait_for_response()
        assert (counters.accepted, counters.requests) == (1, 2)
        assert (counters.status_2xx, counters.status_4xx) == (2, 1)
        assert counters.bytes_in == 2 * len(GET) + len(b"nonsense\r\n\r\n")
        each = counters.server("i-0")
        assert (each.connections, each.requests, each.active, each.failures) == (1, 2, 0, 0)


def test_all_weights_zero_answers_503_and_the_connection_stays():
    with Scene() as scene:
        scene.adopt_weights([0])
        client = scene.connect()
        client.send(GET)
        head, body = client.wait_for_response()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert field(head, b"X-OpenCLB-Reason") == b"no_weight"
        assert b"no_weight" in body
        scene.adopt_weights([100])
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        server.send(OK)
        assert client.wait_for_response()[1] == b"ok"


def test_group_without_servers_answers_503():
    with Scene(servers=0) as scene:
        client = scene.connect()
        client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n\r\n")
        head = client.wait_for_head()
        client.send(GET)
        client.wait_for_response()
    assert field(head, b"X-OpenCLB-Reason") == b"no_servers"
    assert field(head, b"X-Request-Id") == b"mine-1"


def test_closing_listener_finishes_the_request_then_closes():
    with Scene() as scene:
        idle, busy = scene.connect(), scene.connect()
        busy.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        scene.service.close()
        assert idle.wait_for_end() == b""
        server.send(OK)
        head, body = busy.wait_for_response()
        assert busy.wait_for_end() == b""
    assert field(head, b"Connection") == b"close"
    assert body == b"ok"


@both_ways
def test_client_that_leaves_takes_its_server_connection_along():
    with Scene() as scene:
        client = scene.connect()
        client.send(GET)
        server = scene.server.accept()
        server.wait_for_head()
        (served,) = scene.service.connections
        served.abort()
        server.wait_for_end()
        assert not scene.service.connections


def test_many_refused_requests_in_one_go_are_answered_without_end_of_stack():
    with Scene(servers=0) as scene:
        client = scene.connect()
        client.sock.setblocking(True)
        client.sock.settimeout(0)
        client.send(GET * 2000)
        for _ in range(2000):
            client.wait_for_response()

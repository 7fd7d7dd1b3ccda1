"""A probe tells what the server did, in words (S169, S173; slb-rpc-api 5.4)."""

import asyncio
import contextlib
import resource
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from balancer.health import probes
from balancer.health.probes import ProbeImpossible, ProbeResult, probe
from proxy.snapshot import CheckKind, HealthCheck
from tests.balancer.health.servers import (
    ScriptedServer,
    free_port,
    is_silent,
    read_request,
    running,
    says,
    swallowing_port,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def a_check(kind: CheckKind = CheckKind.HTTP, timeout_s: int = 5, **more) -> HealthCheck:
    return HealthCheck(kind, 1, timeout_s, 3, 3, **more)


def ask(port: int, check: HealthCheck) -> ProbeResult:
    return asyncio.run(probe("127.0.0.1", port, check))


def test_tcp_connects_and_resets():
    """The server sees the connection end in a reset: no session was ever opened on it."""
    endings: list[bytes | int | None] = []
    ended = threading.Event()

    def behave(connection: socket.socket) -> None:
        try:
            endings.append(connection.recv(1))
        except OSError as error:
            endings.append(error.errno)
        ended.set()

    with running(behave) as server:
        result = ask(server.port, a_check(CheckKind.TCP))
        assert ended.wait(5)
    assert result == ProbeResult(True, "connected")
    assert endings == [104]  # ECONNRESET


@pytest.mark.parametrize("kind", [CheckKind.TCP, CheckKind.HTTP])
def test_refused_port_fails_at_once(kind):
    assert ask(free_port(), a_check(kind)) == ProbeResult(False, "connection refused")


@pytest.mark.parametrize("kind", [CheckKind.TCP, CheckKind.HTTP])
def test_dropped_packets_end_in_the_timeout(kind):
    with swallowing_port() as port:
        assert ask(port, a_check(kind, 1)) == ProbeResult(False, "no answer within 1 s")


def test_silent_http_server_passes_tcp_and_fails_http():
    with running(is_silent) as server:
        assert ask(server.port, a_check(CheckKind.TCP)).succeeded
        assert ask(server.port, a_check(timeout_s=1)).detail == "no answer within 1 s"


def test_request_is_what_operators_know():
    """S173: the user agent is KeepAliveClient; the host is the address unless one is given."""
    server = ScriptedServer(is_silent)
    server.behaviour = server.answers(OK)
    ask(server.port, a_check())
    ask(server.port, a_check(method="GET", path="/health?full=1", host="web.test"))
    server.stop()
    first, second = (request.decode().split("\r\n") for request in server.requests)
    assert first[0] == "HEAD / HTTP/1.0"
    assert "Host: 127.0.0.1" in first
    assert "User-Agent: KeepAliveClient" in first
    assert second[0] == "GET /health?full=1 HTTP/1.0"
    assert "Host: web.test" in second


@pytest.mark.parametrize(
    ("answer", "classes", "expected"),
    [
        pytest.param(OK, (2, 3), ProbeResult(True, "answered 200"), id="2xx"),
        pytest.param(
            b"HTTP/1.0 302 Found\r\n\r\n", (2, 3), ProbeResult(True, "answered 302"), id="3xx"
        ),
        pytest.param(
            b"HTTP/1.0 302 Found\r\n\r\n", (2,), ProbeResult(False, "answered 302"), id="not-3xx"
        ),
        pytest.param(
            b"HTTP/1.1 500 Oops\r\n\r\n", (2, 3), ProbeResult(False, "answered 500"), id="5xx"
        ),
        pytest.param(
            b"HTTP/1.1 404\r\n\r\n", (4,), ProbeResult(True, "answered 404"), id="no-reason-phrase"
        ),
        pytest.param(b"HTTP/1.1 200 OK", (2,), ProbeResult(False, "no HTTP answer"), id="cut-off"),
        pytest.param(
            b"SSH-2.0-OpenSSH\r\n", (2,), ProbeResult(False, "no HTTP answer"), id="other-protocol"
        ),
        pytest.param(
            b"HTTP/1.1 999 Hm\r\n\r\n", (2,), ProbeResult(False, "no HTTP answer"), id="no-status"
        ),
        pytest.param(b"", (2,), ProbeResult(False, "closed without an answer"), id="nothing"),
    ],
)
def test_status_code_decides(answer, classes, expected):
    with running(says(answer)) as server:
        assert ask(server.port, a_check(expected_classes=classes)) == expected


@contextlib.contextmanager
def udp_server(answer: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """Run a UDP server that keeps what it is asked and gives one answer, or none."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            packet, client = sock.recvfrom(65536)
            asked.append(packet)
            if answer is not None:
                sock.sendto(answer, client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield sock.getsockname()[1], asked
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "settings", "expected"),
    [
        pytest.param(None, {}, ProbeResult(True, "no refusal within 1 s"), id="silence-passes"),
        pytest.param(
            None,
            {"request": "ping"},
            ProbeResult(True, "no refusal within 1 s"),
            id="silence-passes-after-a-request",
        ),
        pytest.param(b"hm", {}, ProbeResult(True, "answered"), id="any-answer-passes"),
        pytest.param(
            b"pong\n",
            {"request": "ping", "expected_answer": "pong"},
            ProbeResult(True, "answered"),
            id="expected-answer",
        ),
        pytest.param(
            b"no pong",
            {"request": "ping", "expected_answer": "pong"},
            ProbeResult(False, "another answer than expected"),
            id="other-answer",
        ),
        pytest.param(
            None,
            {"request": "ping", "expected_answer": "pong"},
            ProbeResult(False, "no answer within 1 s"),
            id="silence-fails-where-an-answer-is-expected",
        ),
    ],
)
def test_udp_server_passes_by_its_answer_or_by_not_refusing(answer, settings, expected):
    """slb-rpc-api 5.4: with a request and an answer, or no ICMP unreachable in time."""
    with udp_server(answer) as (port, asked):
        assert ask(port, a_check(CheckKind.UDP, 1, **settings)) == expected
    assert asked == [settings.get("request", "").encode()]


@pytest.mark.parametrize("settings", [{}, {"request": "ping", "expected_answer": "pong"}])
def test_udp_port_without_a_server_fails_at_once(settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    result = ask(port, a_check(CheckKind.UDP, **settings))
    assert result == ProbeResult(False, "port unreachable")


def test_answer_that_comes_byte_by_byte_is_one_answer():
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for byte in b"HTTP/1.1 204 No Content\r\n\r\n":
            connection.sendall(bytes([byte]))

    with running(behave) as server:
        assert ask(server.port, a_check()) == ProbeResult(True, "answered 204")


def test_endless_header_ends_after_8_kb():
    """Reliability case 19: the probe keeps 8 KB and judges by the status it has."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    with running(behave) as server:
        assert ask(server.port, a_check()) == ProbeResult(True, "answered 200")


def test_reset_before_the_answer_fails():
    def behave(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with running(behave) as server:
        result = ask(server.port, a_check())
    assert result == ProbeResult(False, "connection reset")


def test_port_that_meets_itself_is_refused(monkeypatch):
    """A stopped server on an ephemeral port: TCP can connect to itself, which is no answer."""
    port = free_port()

    def bound_socket() -> socket.socket:
        sock = socket.socket()
        sock.bind(("127.0.0.1", port))
        sock.setblocking(False)
        return sock

    monkeypatch.setattr(probes, "_new_socket", bound_socket)
    assert ask(port, a_check(CheckKind.TCP)) == ProbeResult(False, "connection refused")


def test_our_own_lack_of_descriptors_is_not_the_servers_fault():
    """Reliability case 17: a full process must not mark the estate as down."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def ask_without_descriptors() -> ProbeResult:
        with socket.socket() as last:
            resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), hard))
            try:
                return await probe("127.0.0.1", 1, a_check(CheckKind.TCP))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with pytest.raises(ProbeImpossible):
        asyncio.run(ask_without_descriptors())
